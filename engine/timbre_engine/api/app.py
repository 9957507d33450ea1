"""The two applications: speech, and the administration on a port of its own."""

import asyncio

from aiohttp import WSCloseCode, web

from timbre_common import engine_stream
from timbre_engine.admin_tokens import AdminTokens
from timbre_engine.api import admin, info, keys, origin
from timbre_engine.api.guards import Handler, answer_errors, refuse_pages
from timbre_engine.api.speech import speech
from timbre_engine.api.stream import stream
from timbre_engine.engine import Engine
from timbre_engine.settings import Settings

_BYTES_A_CHAR = 12
"""Of JSON, at most: a character beyond the BMP as two escapes."""
_BODY_SPARE = 64 << 10
"""Bytes of a speech request beside its text."""
_MAX_DOCUMENT = 32 << 20
"""Bytes of a voices document."""


def speech_app(engine: Engine, settings: Settings) -> web.Application:
    """What speech clients talk to."""
    app = web.Application(
        middlewares=[answer_errors, _check_origin],
        client_max_size=settings.max_chars * _BYTES_A_CHAR + _BODY_SPARE,
    )
    app[keys.ENGINE] = engine
    app[keys.SETTINGS] = settings
    app[keys.SOCKETS] = set()
    app.on_shutdown.append(_close_sockets)
    app.router.add_post("/v1/audio/speech", speech)
    app.router.add_get(engine_stream.PATH, stream)
    app.router.add_get("/v1/models", info.models)
    app.router.add_get("/v1/audio/voices", info.voices)
    app.router.add_get("/health", info.health)
    app.router.add_get("/livez", info.livez)
    app.router.add_get("/props", info.props)
    app.router.add_get("/slots", info.slots)
    app.router.add_get("/metrics", info.exposition)
    return app


def admin_app(engine: Engine, tokens: AdminTokens) -> web.Application:
    """What whoever looks after the engine talks to."""
    app = web.Application(middlewares=[answer_errors, refuse_pages], client_max_size=_MAX_DOCUMENT)
    app[keys.ENGINE] = engine
    app[keys.ADMIN_TOKENS] = tokens
    app.router.add_put("/admin/voices", admin.put_voices)
    app.router.add_get("/admin/voices", admin.get_voices)
    app.router.add_get("/lora-adapters", admin.lora_adapters)
    app.router.add_post("/lora-adapters", admin.scale_adapters)
    app.router.add_get("/health", info.health)
    return app


@web.middleware
async def _check_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    allowed = request.app[keys.SETTINGS].allow_origin
    origin.check(request.headers.get("Origin"), request.host, allowed)
    return await handler(request)


async def _close_sockets(app: web.Application) -> None:
    sockets = app[keys.SOCKETS]
    closing = [socket.close(code=WSCloseCode.SERVICE_RESTART, message=b"going away") for socket in sockets]
    await asyncio.gather(*closing, return_exceptions=True)
