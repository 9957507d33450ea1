"""What can be asked about an engine, named as OpenAI and llama-server name it. Nothing here tells a text."""

import time
from typing import Any

from aiohttp import web

from timbre_common import encoders
from timbre_engine import metrics
from timbre_engine.admission import Slot
from timbre_engine.api import keys
from timbre_engine.api.request import OPENAI_MODELS
from timbre_engine.listed import OPENAI_NAMES


async def health(request: web.Request) -> web.Response:
    """200 once it can speak, 503 while it loads or stops."""
    if request.app[keys.ENGINE].ready:
        return web.json_response({"status": "ok"})
    error = {"code": "engine_unavailable", "message": "loading or stopping", "type": "unavailable_error", "param": None}
    return web.json_response({"status": "unavailable", "error": error}, status=503)


async def livez(request: web.Request) -> web.Response:  # noqa: ARG001
    """200 while the process answers, whether it loads, speaks or stops."""
    return web.json_response({"status": "ok"})


async def models(request: web.Request) -> web.Response:
    """The engine's own model, and the names that OpenAI's clients know."""
    own = request.app[keys.ENGINE].backend.info.model
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "timbre"} for name in (own, *OPENAI_MODELS)]
    return web.json_response({"object": "list", "data": data})


async def voices(request: web.Request) -> web.Response:
    """The voices that can be asked for, and what OpenAI's names stand for."""
    held = request.app[keys.ENGINE].voices
    speakable = held.speakable()
    names = {voice.name for voice in speakable}
    aliases = {name: held.find(name).name for name in OPENAI_NAMES if speakable and name not in names}
    data = [{"id": voice.name, "name": voice.name, "languages": voice.languages} for voice in speakable]
    return web.json_response({"voices": data, "aliases": aliases})


async def props(request: web.Request) -> web.Response:
    """How the engine was started, and what it can do."""
    info, settings = request.app[keys.ENGINE].backend.info, request.app[keys.SETTINGS]
    answer: dict[str, Any] = {
        "backend": info.name,
        "model": info.model,
        "total_slots": info.slots,
        "queue": settings.queue,
        "max_chars": settings.max_chars,
        "idle_timeout": settings.idle_timeout,
        "pace": settings.pace,
        "sample_rate": info.sample_rate,
        "languages": list(info.languages),
        "formats": list(encoders.KINDS),
        "default_format": "mp3",
    }
    return web.json_response(answer)


async def slots(request: web.Request) -> web.Response:
    """Each slot, and whether it is speaking."""
    return web.json_response([_slot(slot) for slot in request.app[keys.ENGINE].admission.slots])


def _slot(slot: Slot) -> dict[str, Any]:
    busy = slot.voice is not None
    return {
        "id": slot.id,
        "is_processing": busy,
        "voice": slot.voice,
        "seconds": round(time.monotonic() - slot.since, 3) if busy else None,
        "samples": slot.samples if busy else None,
    }


async def exposition(request: web.Request) -> web.Response:
    """Prometheus' text."""
    body = request.app[keys.ENGINE].metrics.exposition()
    return web.Response(body=body, headers={"Content-Type": metrics.CONTENT_TYPE})
