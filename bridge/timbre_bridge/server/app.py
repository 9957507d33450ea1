"""The HTTP application: `/ws`, `/healthz`, `/metrics`, the history and the page."""

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from timbre_bridge.engines.fleet import Fleet
from timbre_bridge.server import pages
from timbre_bridge.server.context import Context
from timbre_bridge.server.guard import Guard
from timbre_bridge.server.listener import serve_listener
from timbre_bridge.server.media import Media
from timbre_bridge.source import RedisSource


def build(context: Context, fleet: Fleet, source: RedisSource, media: Media, guard: Guard) -> web.Application:
    """The application."""

    async def listen(request: web.Request) -> web.StreamResponse:
        return await serve_listener(context, request)

    async def health(_: web.Request) -> web.Response:
        engines = {engine.name: engine.ready for engine in fleet.engines}
        well = source.connected and all(engines.values())
        body = {
            "status": "ok" if well else "degraded",
            "redis": "connected" if source.connected else "connecting",
            "engines": engines,
            "agents": sorted(fleet.agents),
        }
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(context.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    async def harden(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(pages.HEADERS)
        origin = request.headers.get("Origin")
        if origin and guard.names(origin):
            # So that another page can import the player module.
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"

    app = web.Application(middlewares=[guard.middleware], client_max_size=64 << 10)
    app.on_response_prepare.append(harden)
    app.router.add_get("/ws", listen)
    app.router.add_get("/healthz", health)
    app.router.add_get("/metrics", metrics)
    pages.add(app)
    media.add(app)
    return app
