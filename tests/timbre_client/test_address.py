"""Addresses that people type, scan and log."""

import pytest

from timbre import InvalidInput
from timbre.address import Address, parse, without_password


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8760", Address("ws://127.0.0.1:8760/ws")),
        ("https://host:8760/", Address("wss://host:8760/ws")),
        ("host:8760", Address("ws://host:8760/ws")),
        ("wss://host/ws", Address("wss://host/ws")),
        ("https://host/timbre/", Address("wss://host/timbre/ws")),
        ("https://[fd00::1]:8760/#token=abc.def", Address("wss://[fd00::1]:8760/ws", "abc.def")),
    ],
)
def test_reads_addresses(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize("text", ["", "ftp://host", "http://", "http://host:port", "http://user:pass@host"])
def test_refuses_others(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:secret@host:6379/0", "redis://host:6379/0"),
        ("rediss://user:secret@host", "rediss://host"),
        ("redis://host?password=secret", "redis://host"),
        ("redis://[bad", "the Redis URL"),
    ],
)
def test_shows_no_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
