"""Files over real HTTPS, from servers that are right, slow, lying or led astray."""

import asyncio
import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fetcher.conftest import Make
from support.source_server import Answer, SourceServer, guarded, in_pieces, redirect, status
from timbre_common.errors import (
    DigestMismatch,
    FetchFailed,
    HostRefused,
    SourceMissing,
    TimbreError,
    TimedOut,
    TooLarge,
    Unauthorized,
)
from timbre_common.sources import Http
from timbre_engine.fetcher.resolver import GuardedResolver
from timbre_engine.fetcher.rules import Rules
from timbre_engine.fetcher.settings import Settings
from timbre_engine.fetcher.wanted import WantedFile

CONTENT = os.urandom(200_000)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
NAME = f"{DIGEST.removeprefix('sha256:')}.gguf"


def nothing() -> None:
    """Nobody wants to know."""


def at(url: str) -> WantedFile:
    return WantedFile(NAME, DIGEST, Http(url=url))


def left(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "sha256").glob("*"))


async def test_a_file(source: SourceServer, downloads: Make, settings: Callable[..., Settings], root: Path) -> None:
    source.answers["/lisa.gguf"] = CONTENT
    bringing = downloads(settings())
    begun: list[bool] = []
    assert await bringing.bring(at(source.url("/lisa.gguf")), lambda: begun.append(True)) == len(CONTENT)
    assert (root / "sha256" / NAME).read_bytes() == CONTENT
    assert await bringing.bring(at(source.url("/lisa.gguf")), lambda: begun.append(True)) == 0
    assert len(source.asked) == len(begun) == 1


async def test_two_pods_on_one_volume_fetch_once(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], root: Path
) -> None:
    source.answers["/lisa.gguf"] = in_pieces(CONTENT[:1000], CONTENT[1000:], pause=0.2)
    pods = [downloads(settings()) for _ in range(2)]
    taken = await asyncio.gather(*(pod.bring(at(source.url("/lisa.gguf")), nothing) for pod in pods))
    assert sorted(taken) == [0, len(CONTENT)]
    assert len(source.asked) == 1
    assert left(root) == [NAME]


WRONG = b"x" * len(CONTENT)
LIES: dict[str, tuple[bytes | Answer, dict[str, Any], type[TimbreError], str]] = {
    "another file": (WRONG, {}, DigestMismatch, "sha256:"),
    "an empty file": (b"", {}, DigestMismatch, "with 0 bytes"),
    "less than announced": (in_pieces(CONTENT[:1000], announced=len(CONTENT)), {}, FetchFailed, "broke off"),
    "too large, and says so": (CONTENT, {"max_bytes": 199_999}, TooLarge, "at most 199999"),
    "too large, and does not say so": (in_pieces(CONTENT, CONTENT), {"max_bytes": 250_000}, TooLarge, "at most 250000"),
    "silent": (in_pieces(CONTENT[:1000], hold=True), {"stall": 0.2}, TimedOut, r"silent for 0\.2 s"),
    "drop by drop": (in_pieces(*[b"x"] * 600, pause=0.1), {"timeout": 0.5}, TimedOut, r"longer than 0\.5 s"),
    "not there": (status(404), {}, SourceMissing, "404"),
    "locked": (status(401), {}, Unauthorized, "401"),
    "forbidden": (status(403), {}, Unauthorized, "403"),
    "broken": (status(500), {}, FetchFailed, "500"),
    "a redirect to nowhere": (status(302), {}, FetchFailed, "redirects more than"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_wrong_is_said_and_nothing_is_left(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], root: Path, lie: str
) -> None:
    answer, changes, kind, why = LIES[lie]
    source.answers["/lisa.gguf"] = answer
    with pytest.raises(kind, match=why) as raised:
        await downloads(settings(**changes)).bring(at(source.url("/lisa.gguf?signature=secret")), nothing)
    assert type(raised.value) is kind
    assert "secret" not in str(raised.value)
    assert left(root) == []


async def test_a_source_that_asks_to_wait_is_heard(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings]
) -> None:
    source.answers["/lisa.gguf"] = status(503, Retry_After="17")
    with pytest.raises(FetchFailed) as raised:
        await downloads(settings()).bring(at(source.url("/lisa.gguf")), nothing)
    assert raised.value.retry_after == 17


async def test_credentials_never_go_to_another_host(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], secrets: Path
) -> None:
    (secrets / "localhost" / "token").write_text("a secret")
    source.answers |= {
        "/own": redirect("/guarded"),
        "/guarded": guarded(CONTENT, "Bearer a secret"),
        "/away": redirect(source.url("/cdn", "127.0.0.1")),
        "/cdn": redirect(source.url("/back")),
        "/back": CONTENT,
    }
    bringing = downloads(settings())
    assert await bringing.bring(at(source.url("/own")), nothing) == len(CONTENT)
    source.asked.clear()
    (settings().adapters / "sha256" / NAME).unlink()
    assert await bringing.bring(at(source.url("/away")), nothing) == len(CONTENT)
    assert [(each.path, each.authorization) for each in source.asked] == [
        ("/away", "Bearer a secret"),
        ("/cdn", None),
        ("/back", None),
    ]


async def test_a_rotated_credential_is_used_at_the_next_fetch(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], secrets: Path
) -> None:
    source.answers["/lisa.gguf"] = guarded(CONTENT, "Basic bGlzYTpuZXc=")
    (secrets / "localhost" / "username").write_text("lisa")
    (secrets / "localhost" / "password").write_text("old")
    bringing = downloads(settings())
    with pytest.raises(Unauthorized):
        await bringing.bring(at(source.url("/lisa.gguf")), nothing)
    (secrets / "localhost" / "password").write_text("new\n")
    assert await bringing.bring(at(source.url("/lisa.gguf")), nothing) == len(CONTENT)


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("https://evil.example/lisa.gguf", "not among"),
        ("https://169.254.169.254/latest/meta-data", "not among"),
        ("http://localhost/lisa.gguf", "away from https"),
        ("file:///etc/passwd", "https and a host"),
        ("/lisa.gguf", "more than 5 times"),
    ],
)
async def test_a_redirect_is_looked_at_like_any_url(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], location: str, why: str
) -> None:
    source.answers["/lisa.gguf"] = redirect(location)
    with pytest.raises((HostRefused, FetchFailed), match=why):
        await downloads(settings()).bring(at(source.url("/lisa.gguf")), nothing)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_what_is_not_public_is_refused_unless_it_is_allowed(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], host: str
) -> None:
    source.answers["/lisa.gguf"] = CONTENT
    with pytest.raises(HostRefused, match="not public"):
        await downloads(settings(allow_private=False)).bring(at(source.url("/lisa.gguf", host)), nothing)
    assert source.asked == []


async def test_a_certificate_that_nobody_knows_is_not_trusted(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings]
) -> None:
    source.answers["/lisa.gguf"] = CONTENT
    with pytest.raises(FetchFailed, match="not trusted"):
        await downloads(settings(credentials=None)).bring(at(source.url("/lisa.gguf")), nothing)


async def test_plain_http_is_for_hosts_that_are_named(
    downloads: Make, settings: Callable[..., Settings], root: Path
) -> None:
    async with SourceServer(tls=False) as plain:
        plain.answers["/lisa.gguf"] = CONTENT
        changes = {"allowed_hosts": f"localhost:{plain.port}"}
        with pytest.raises(HostRefused, match="https only"):
            await downloads(settings(**changes)).bring(at(plain.url("/lisa.gguf")), nothing)
        changes["insecure_hosts"] = f"localhost:{plain.port}"
        assert await downloads(settings(**changes)).bring(at(plain.url("/lisa.gguf")), nothing) == len(CONTENT)


async def test_one_dead_host_holds_up_no_other(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings]
) -> None:
    source.answers |= {"/dead": in_pieces(hold=True), "/lisa.gguf": CONTENT}
    bringing = downloads(settings(parallel=2))
    others = [
        WantedFile(f"{digit * 64}.gguf", f"sha256:{digit * 64}", Http(url=source.url("/dead"))) for digit in "123"
    ]
    dead = [asyncio.create_task(bringing.bring(each, nothing)) for each in others]
    async with asyncio.timeout(20):
        while len(source.asked) < 2:
            await asyncio.sleep(0.01)
        assert await bringing.bring(at(source.url("/lisa.gguf", "127.0.0.1")), nothing) == len(CONTENT)
    assert [each.path for each in source.asked] == ["/dead", "/dead", "/lisa.gguf"]
    for task in dead:
        task.cancel()
    await asyncio.gather(*dead, return_exceptions=True)


async def test_a_fetch_that_is_given_up_leaves_nothing(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], root: Path
) -> None:
    source.answers["/lisa.gguf"] = in_pieces(CONTENT[:100_000], hold=True)
    bringing = downloads(settings())
    task = asyncio.create_task(bringing.bring(at(source.url("/lisa.gguf")), nothing))
    async with asyncio.timeout(20):
        while not any(path.stat().st_size for path in (root / "sha256").glob(".*.partial")):
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert left(root) == []
    source.answers["/lisa.gguf"] = CONTENT
    assert await bringing.bring(at(source.url("/lisa.gguf")), nothing) == len(CONTENT)


@pytest.mark.parametrize(
    ("addresses", "right"),
    [
        (["8.8.8.8"], True),
        (["8.8.8.8", "2001:4860:4860::8888"], True),
        (["8.8.8.8", "10.0.0.1"], False),
        (["::ffff:10.0.0.1", "8.8.8.8"], False),
        (["169.254.169.254"], False),
    ],
)
async def test_all_addresses_of_a_name_have_to_be_public(
    addresses: list[str], right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(host: str, port: int, *_: object) -> list[tuple[Any, ...]]:
        asked.append(host)
        kinds = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]
        return [(kind, 1, 6, "", (address, port)) for kind, address in zip(kinds, addresses, strict=True)]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    resolver = GuardedResolver(Rules(allowed=frozenset()))
    try:
        if right:
            found = await resolver.resolve("example.org", 443)
            assert [each["host"] for each in found] == addresses
        else:
            with pytest.raises(HostRefused, match="not public"):
                await resolver.resolve("example.org", 443)
    finally:
        await resolver.close()
    assert asked == ["example.org"]


async def test_what_was_looked_at_is_what_is_connected_to(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that means another address the second time is asked for once a request."""
    source.answers["/lisa.gguf"] = CONTENT
    asked = 0

    def answer(host: str, port: int, *_: object) -> list[tuple[Any, ...]]:
        nonlocal asked
        asked += 1
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1" if asked == 1 else "127.0.0.99", port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert await downloads(settings()).bring(at(source.url("/lisa.gguf")), nothing) == len(CONTENT)
    assert asked == 1


async def test_a_name_that_leads_nowhere(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: object) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with pytest.raises(FetchFailed, match="leads nowhere"):
        await downloads(settings()).bring(at(source.url("/lisa.gguf")), nothing)
