"""The candidate servers: each has a page, ``GET /healthz`` and a WebSocket at ``/listen``.

Run as ``python -m bench.servers.backends NAME --seconds S`` from the folder above.
"""

from __future__ import annotations

import argparse
import asyncio
import http
import importlib.util
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
import websockets.asyncio.server as ws_server
from aiohttp import web
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.datastructures import Headers
from websockets.http11 import Request as WsRequest
from websockets.http11 import Response as WsResponse

from .core import HEALTH, Backend, run_loop, serve

PAGE = "<!doctype html><title>bench</title>"
KEEPALIVE_S = 20.0


class WebsocketsBackend(Backend):
    """``websockets`` alone; HTTP is answered in ``process_request``."""

    def __init__(self) -> None:
        self.clients: set[ws_server.ServerConnection] = set()
        self.server: ws_server.Server | None = None

    async def start(self, sock: socket.socket) -> None:
        self.server = await ws_server.serve(
            self.listen, sock=sock, compression=None, process_request=self.plain_http, ping_interval=KEEPALIVE_S
        )

    def plain_http(self, _connection: ws_server.ServerConnection, request: WsRequest) -> WsResponse | None:
        if request.path == "/listen":
            return None
        body, kind = (HEALTH, "application/json") if request.path == "/healthz" else (PAGE.encode(), "text/html")
        headers = Headers({"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"})
        return WsResponse(http.HTTPStatus.OK, "OK", headers, body)

    async def listen(self, connection: ws_server.ServerConnection) -> None:
        self.clients.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self.clients.discard(connection)

    async def fan_out(self, payload: bytes) -> None:
        ws_server.broadcast(self.clients, payload)

    def buffered(self) -> list[int] | None:
        return [client.transport.get_write_buffer_size() for client in self.clients]

    def drop_over(self, limit: int) -> int:
        slow = [client for client in self.clients if client.transport.get_write_buffer_size() > limit]
        for client in slow:
            self.clients.discard(client)
            client.transport.abort()
        return len(slow)


class StarletteBackend(Backend):
    """Starlette on uvicorn. ASGI has no view of the transport, so waiting bytes cannot be seen."""

    def __init__(self, http_protocol: str) -> None:
        self.http_protocol = http_protocol
        self.clients: set[WebSocket] = set()
        self.task: asyncio.Task[None] | None = None

    async def start(self, sock: socket.socket) -> None:
        routes = [Route("/", self.page), Route("/healthz", self.healthz), WebSocketRoute("/listen", self.listen)]
        config = uvicorn.Config(
            Starlette(routes=routes),
            http="httptools" if self.http_protocol == "httptools" else "h11",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_ping_interval=KEEPALIVE_S,
            lifespan="off",
            log_level="warning",
            access_log=False,
        )
        server = uvicorn.Server(config)
        self.task = asyncio.create_task(server.serve(sockets=[sock]))
        while not server.started:
            await asyncio.sleep(0.01)

    async def page(self, _request: Request) -> Response:
        return HTMLResponse(PAGE)

    async def healthz(self, _request: Request) -> Response:
        return Response(HEALTH, media_type="application/json")

    async def listen(self, socket_: WebSocket) -> None:
        await socket_.accept()
        self.clients.add(socket_)
        try:
            while True:
                await socket_.receive_bytes()
        except WebSocketDisconnect:
            pass
        finally:
            self.clients.discard(socket_)

    async def fan_out(self, payload: bytes) -> None:
        for client in list(self.clients):
            try:
                await client.send_bytes(payload)
            except (WebSocketDisconnect, RuntimeError):
                self.clients.discard(client)

    def buffered(self) -> list[int] | None:
        return None

    def drop_over(self, limit: int) -> int:
        return 0


class AiohttpBackend(Backend):
    """aiohttp. With ``shared``, one encoded frame is written straight to every transport."""

    def __init__(self, *, shared: bool) -> None:
        self.shared = shared
        self.clients: dict[web.WebSocketResponse, asyncio.Transport] = {}

    async def start(self, sock: socket.socket) -> None:
        app = web.Application()
        app.router.add_get("/", self.page)
        app.router.add_get("/healthz", self.healthz)
        app.router.add_get("/listen", self.listen)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, sock, backlog=2048).start()

    async def page(self, _request: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.Response(body=HEALTH, content_type="application/json")

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(compress=False, heartbeat=KEEPALIVE_S)
        await response.prepare(request)
        if request.transport is not None:  # do not ask isinstance: uvloop's transport is no subclass of asyncio's
            self.clients[response] = request.transport
        try:
            async for _ in response:
                pass
        finally:
            self.clients.pop(response, None)
        return response

    async def fan_out(self, payload: bytes) -> None:
        if self.shared:
            frame = struct.pack("!BBH", 0x82, 126, len(payload)) + payload
            for response, transport in self.clients.items():
                if not (response.closed or transport.is_closing()):
                    transport.write(frame)
            return
        for response in list(self.clients):
            try:
                await response.send_bytes(payload)
            except ConnectionError:
                self.clients.pop(response, None)

    def buffered(self) -> list[int] | None:
        return [transport.get_write_buffer_size() for transport in self.clients.values()]

    def drop_over(self, limit: int) -> int:
        slow = [(client, t) for client, t in self.clients.items() if t.get_write_buffer_size() > limit]
        for client, transport in slow:
            self.clients.pop(client, None)
            transport.abort()
        return len(slow)


@dataclass(frozen=True)
class Candidate:
    """A backend and the optional modules that it needs."""

    make: Callable[[], Backend]
    needs: tuple[str, ...] = ()

    def available(self) -> bool:
        return all(importlib.util.find_spec(name) for name in self.needs)


CANDIDATES: dict[str, Candidate] = {
    "websockets": Candidate(WebsocketsBackend),
    "websockets+uvloop": Candidate(WebsocketsBackend, ("uvloop",)),
    "starlette+uvicorn": Candidate(lambda: StarletteBackend("h11")),
    "starlette+uvicorn+httptools+uvloop": Candidate(lambda: StarletteBackend("httptools"), ("httptools", "uvloop")),
    "aiohttp": Candidate(lambda: AiohttpBackend(shared=False)),
    "aiohttp+uvloop": Candidate(lambda: AiohttpBackend(shared=False), ("uvloop",)),
    "aiohttp+shared-frame": Candidate(lambda: AiohttpBackend(shared=True)),
    "aiohttp+shared-frame+uvloop": Candidate(lambda: AiohttpBackend(shared=True), ("uvloop",)),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=sorted(CANDIDATES))
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--sndbuf", type=int, default=0)
    parser.add_argument("--drop-over", type=int, default=0)
    options = parser.parse_args()
    candidate = CANDIDATES[options.name]
    run_loop(serve(candidate.make(), options), use_uvloop="uvloop" in candidate.needs)


if __name__ == "__main__":
    main()
