"""The administration's handlers: which voices the engine shall hold."""

from dataclasses import asdict
from typing import Annotated

import msgspec
from aiohttp import web

from timbre_common import decoding, documents
from timbre_common.errors import InvalidInput, Unsupported
from timbre_common.voiceprofile import Adapter
from timbre_engine.api import guards, keys
from timbre_engine.backend import AdapterState
from timbre_engine.engine import Engine

_SETTLE_S = 2.0
"""How long `PUT` waits for the voices before it answers; what is still loading says so. `?wait=0` does not wait."""


async def put_voices(request: web.Request) -> web.Response:
    """Take the desired document; what became of each voice."""
    _authorize(request)
    voices = request.app[keys.ENGINE].voices
    voices.apply(documents.parse_voices(await request.read()))
    if request.query.get("wait") != "0":
        await voices.settled(_SETTLE_S)
    return _status(request)


async def get_voices(request: web.Request) -> web.Response:
    """What became of each voice."""
    _authorize(request)
    return _status(request)


class _Scale(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An adapter by its place in the list, and the scale that it shall have."""

    id: Annotated[int, msgspec.Meta(ge=0)]
    scale: Annotated[float, msgspec.Meta(ge=0, le=4)]


async def lora_adapters(request: web.Request) -> web.Response:
    """The voices' adapters, as llama-server lists them, and what else is known of each."""
    _authorize(request)
    return web.json_response(
        [
            {"id": number, "scale": adapter.scale, "voice": voice, **asdict(state)}
            for number, (voice, adapter, state) in enumerate(_adapted(request.app[keys.ENGINE]))
        ]
    )


async def scale_adapters(request: web.Request) -> web.Response:
    """Change adapters' scales, each for one voice, until the next document. Those not named keep theirs."""
    _authorize(request)
    engine = request.app[keys.ENGINE]
    wanted = decoding.from_json(await request.read(), list[_Scale])
    adapted = _adapted(engine)
    if not wanted:
        raise Unsupported("there is no switching all off: name an adapter with the scale 0, as [{id, scale}]")
    for index, each in enumerate(wanted):
        if each.id >= len(adapted):
            raise InvalidInput(f"there are {len(adapted)} adapters, from 0 on: GET lists them", f"[{index}].id")
    for each in wanted:
        engine.voices.scale(adapted[each.id][0], each.scale)
    await engine.voices.settled(_SETTLE_S)
    return web.json_response({"success": True})


def _adapted(engine: Engine) -> list[tuple[str, Adapter, AdapterState]]:
    """Voices with an adapter, by name."""
    return [
        (voice.name, voice.adapter, state)
        for voice in engine.voices.speakable()
        if voice.adapter is not None and (state := engine.backend.adapter(voice)) is not None
    ]


def _authorize(request: web.Request) -> None:
    guards.authorize(request, request.app[keys.ADMIN_TOKENS])


def _status(request: web.Request) -> web.Response:
    body = msgspec.json.encode(request.app[keys.ENGINE].voices.status())
    return web.Response(body=body, content_type="application/json")
