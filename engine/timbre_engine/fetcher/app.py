"""The fetcher's HTTP surface: the engine's administration as the operator sees it, probes and metrics."""

from typing import Final

import msgspec
from aiohttp import web

from timbre_common import documents
from timbre_engine.admin_tokens import AdminTokens
from timbre_engine.api import guards
from timbre_engine.fetcher import metrics
from timbre_engine.fetcher.desk import Desk
from timbre_engine.fetcher.metrics import Metrics

_MAX_DOCUMENT: Final = 32 << 20
"""Bytes of a voices document."""

_DESK: Final = web.AppKey("desk", Desk)
_TOKENS: Final = web.AppKey("tokens", AdminTokens)
_METRICS: Final = web.AppKey("metrics", Metrics)


def make(desk: Desk, tokens: AdminTokens, told: Metrics) -> web.Application:
    """The application."""
    app = web.Application(middlewares=[guards.answer_errors, guards.refuse_pages], client_max_size=_MAX_DOCUMENT)
    app[_DESK], app[_TOKENS], app[_METRICS] = desk, tokens, told
    app.router.add_put("/admin/voices", _put_voices)
    app.router.add_get("/admin/voices", _get_voices)
    app.router.add_get("/ready", _ready)
    app.router.add_get("/livez", _livez)
    app.router.add_get("/metrics", _exposition)
    return app


async def _put_voices(request: web.Request) -> web.Response:
    """Take the desired document; what became of each voice."""
    guards.authorize(request, request.app[_TOKENS])
    desk = request.app[_DESK]
    desk.take(documents.parse_voices(await request.read()))
    await desk.answered()
    return _status(desk)


async def _get_voices(request: web.Request) -> web.Response:
    """What became of each voice."""
    guards.authorize(request, request.app[_TOKENS])
    desk = request.app[_DESK]
    await desk.looked()
    return _status(desk)


async def _ready(request: web.Request) -> web.Response:
    """200 once every listed voice was tried, and from then on."""
    if request.app[_DESK].ready:
        return web.json_response({"status": "ok"})
    return web.json_response({"status": "unavailable"}, status=503)


async def _livez(request: web.Request) -> web.Response:  # noqa: ARG001
    """200 while the process answers."""
    return web.json_response({"status": "ok"})


async def _exposition(request: web.Request) -> web.Response:
    """Prometheus' text."""
    return web.Response(body=request.app[_METRICS].exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})


def _status(desk: Desk) -> web.Response:
    return web.Response(body=msgspec.json.encode(desk.status()), content_type="application/json")
