"""The engine's process: binds its ports, runs until it is told to stop, drains, leaves nothing behind."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path

import msgspec

from timbre_common import decoding
from timbre_common.documents import VoicesDocument
from timbre_common.errors import EngineUnavailable, InvalidInput, SetupError
from timbre_engine import backends, loras
from timbre_engine.admin_tokens import AdminTokens
from timbre_engine.api.app import admin_app, speech_app
from timbre_engine.engine import Engine
from timbre_engine.listening import address, listening
from timbre_engine.settings import Settings

_log = logging.getLogger(__name__)


async def serve(settings: Settings, tokens: AdminTokens) -> None:
    """Serve until SIGTERM or SIGINT. Raises SetupError, or InvalidInput for what a setting says."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    voices = None if settings.voices is None else _read_voices(settings.voices)
    if voices is not None:
        _refuse_twice(voices, settings)
    engine = Engine(backends.make(settings), settings.queue)
    try:
        async with (
            listening(speech_app(engine, settings), settings.host, settings.port) as port,
            listening(admin_app(engine, tokens), settings.admin_host, settings.admin_port) as admin_port,
        ):
            addresses = address(settings.host, port), address(settings.admin_host, admin_port)
            _log.info("listening on http://%s (administration http://%s)", *addresses)
            if await _started(engine.start(lambda: _begin(engine, settings, voices)), stop):
                _log.info("ready: %s with %d slots", engine.backend.info.model, engine.backend.info.slots)
                await stop.wait()
            _log.info("stopping")
            await _drain(engine, settings.drain_timeout)
    finally:
        await engine.close()


async def _started(start: Coroutine[None, None, None], stop: asyncio.Event) -> bool:
    """Whether this was done before the stop. The ports answer meanwhile. Raises what it raises."""
    starting, stopping = asyncio.create_task(start), asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        starting.result()
        return True
    starting.cancel()
    await asyncio.wait({starting})
    return False


async def _drain(engine: Engine, seconds: float) -> None:
    """Lets the utterances that run finish; new ones are refused, and those that wait: another engine may speak them."""
    engine.ready = False
    engine.admission.refuse_waiting(EngineUnavailable("the engine is stopping", retry_after=1.0))
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await engine.admission.idle()


def _begin(engine: Engine, settings: Settings, document: VoicesDocument | None) -> None:
    """Give the engine its first voices: the document's and those of --lora, or else what the backend has by itself.

    What was put while it loaded goes before the latter, and before a document of a lower generation.
    """
    own = engine.backend.info.voices
    if document is None:
        if engine.voices.generation < 0:
            engine.voices.begin(own)
    elif settings.lora:
        engine.voices.apply(msgspec.structs.replace(document, voices=[*document.voices, *own]))
    else:
        engine.voices.apply(document)


def _refuse_twice(document: VoicesDocument, settings: Settings) -> None:
    listed = {voice.name for voice in document.voices}
    for lora in loras.parse(settings.lora):
        if lora.name in listed:
            raise InvalidInput(f"the voice {lora.name!r} is in {settings.voices} already", loras.FLAG)


def _read_voices(path: Path) -> VoicesDocument:
    try:
        return decoding.from_yaml(path.read_text(encoding="utf-8"), VoicesDocument)
    except OSError as error:
        raise SetupError(f"cannot read the voices in {path}: {error.strerror}") from error
    except InvalidInput as error:
        raise InvalidInput(str(error), str(path)) from error
