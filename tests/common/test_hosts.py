"""Names and addresses of hosts."""

import pytest

from timbre_common.hosts import is_address, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "localhost.example.org", ""])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_addresses_are_not_names() -> None:
    assert [is_address(name) for name in ("192.0.2.1", "::1", "localhost", "")] == [True, True, False, False]
