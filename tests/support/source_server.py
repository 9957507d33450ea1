"""A real HTTPS server that gives out files, or misbehaves, as a test says."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import trustme
from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    host: str
    path: str
    authorization: str | None


class SourceServer:
    """At an address of this machine, with a certificate for it; the loopback's is `localhost` too. Port 0: a free one.

    `answers`: by path; bytes are given out as they are, and taken by PUT. What is not there is 404.
    """

    def __init__(self, address: str = "127.0.0.1", port: int = 0, *, tls: bool = True) -> None:
        self.answers: dict[str, bytes | Answer] = {}
        self.asked: list[Asked] = []
        self.port = port
        self.authority = trustme.CA()
        self._address = address
        self._names = ["localhost", address] if address == "127.0.0.1" else [address]
        self._scheme = "https" if tls else "http"
        self._runner: web.AppRunner | None = None

    def url(self, path: str, host: str = "") -> str:
        """Of a path, by the first name or another one."""
        return f"{self._scheme}://{host or self._names[0]}:{self.port}{path}"

    def hosts(self) -> str:
        """All names, as the fetcher's setting has them."""
        return ",".join(f"{name}:{self.port}" for name in self._names)

    def trusted_by(self, credentials: Path) -> Path:
        """Write the certificate authority where the fetcher looks for it; the folder of the first name."""
        for name in self._names:
            folder = credentials / name
            folder.mkdir(parents=True, exist_ok=True)
            self.authority.cert_pem.write_to_path(folder / "ca.crt")
        return credentials / self._names[0]

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        app.router.add_put("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        context = None
        if self._scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert(*self._names).configure_cert(context)
        await web.TCPSite(self._runner, self._address, self.port, ssl_context=context).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(Asked(request.host, request.path, request.headers.get("Authorization")))
        answer = self.answers.get(request.path)
        if answer is None:
            return web.Response(status=404)
        return web.Response(body=answer) if isinstance(answer, bytes) else await answer(request)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.answers[request.path] = await request.read()
        return web.Response(status=201)


def redirect(to: str) -> Answer:
    """To another URL."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": to})

    return answer


def status(code: int, **headers: str) -> Answer:
    """Nothing but a status."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=code, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def guarded(content: bytes, authorization: str) -> Answer:
    """A file for who brings this header."""

    async def answer(request: web.Request) -> web.StreamResponse:
        right = request.headers.get("Authorization") == authorization
        return web.Response(body=content) if right else web.Response(status=401)

    return answer


def in_pieces(*pieces: bytes, announced: int | None = None, pause: float = 0.0, hold: bool = False) -> Answer:
    """The pieces, with pauses in seconds, under an announced length or chunked; then held until the client goes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if announced is not None:
            response.content_length = announced
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(pause)
        while hold:
            await asyncio.sleep(0.05)
            if request.transport is None or request.transport.is_closing():
                break
        if announced is not None and request.transport is not None:
            request.transport.close()
            return response
        await response.write_eof()
        return response

    return answer
