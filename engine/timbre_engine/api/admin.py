"""The administration's handlers: which voices the engine shall hold."""

import hmac

import msgspec
from aiohttp import web

from timbre_common import documents
from timbre_common.errors import Unauthorized
from timbre_engine.api import keys

_SETTLE_S = 2.0
"""How long `PUT` waits for the voices before it answers; what is still loading says so."""


async def put_voices(request: web.Request) -> web.Response:
    """Take the desired document; what became of each voice."""
    _authorize(request)
    voices = request.app[keys.ENGINE].voices
    voices.apply(documents.parse_voices(await request.read()))
    await voices.settled(_SETTLE_S)
    return _status(request)


async def get_voices(request: web.Request) -> web.Response:
    """What became of each voice."""
    _authorize(request)
    return _status(request)


async def lora_adapters(request: web.Request) -> web.Response:
    """The adapters in memory, as llama-server lists them."""
    _authorize(request)
    loaded = request.app[keys.ENGINE].backend.adapters_loaded()
    return web.json_response([{"id": index, "path": name} for index, name in enumerate(loaded)])


def _authorize(request: web.Request) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    right = hmac.compare_digest(token.strip().encode(), request.app[keys.ADMIN_TOKEN].encode())
    if scheme.lower() != "bearer" or not right:
        raise Unauthorized("the administration's token is right, as Authorization: Bearer …")


def _status(request: web.Request) -> web.Response:
    body = msgspec.json.encode(request.app[keys.ENGINE].voices.status())
    return web.Response(body=body, content_type="application/json")
