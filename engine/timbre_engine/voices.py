"""The voices that the engine holds: a desired document, and what became of each voice in it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from timbre_common import voice_codes
from timbre_common.documents import Voice, VoicesDocument, VoicesStatus, VoiceState, VoiceStatus
from timbre_common.errors import TimbreError
from timbre_engine import listed
from timbre_engine.listed import Chosen, Entry, Loaded

_log = logging.getLogger(__name__)


class Loader(Protocol):
    """What the registry needs of a backend."""

    def load(self, voice: Voice) -> Awaitable[str]:
        """See Backend."""

    def unload(self, voice: Voice) -> Awaitable[None]:
        """See Backend."""


class Voices:
    """Follows desired documents. One voice's failure never touches another."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._entries: dict[str, Entry] = {}
        self._unloading: set[asyncio.Task[None]] = set()
        self._document: VoicesDocument | None = None

    @property
    def generation(self) -> int:
        """Of the newest document; -1 before the first."""
        return -1 if self._document is None else self._document.generation

    def begin(self, voices: Iterable[Voice]) -> None:
        """Hold these until the first document comes, of whatever generation it is."""
        for voice in voices:
            self._want(voice)

    def apply(self, document: VoicesDocument) -> None:
        """Begin to follow a document.

        A lower generation is ignored. The same one again retries what failed and takes back every `scale`.
        """
        if document.generation < self.generation:
            _log.info("voices of generation %d are ignored: %d is newer", document.generation, self.generation)
            return
        if self._document is None or document.generation > self.generation:
            self._document = document
        wanted = {voice.name: voice for voice in self._document.voices}
        for name in self._entries.keys() - wanted.keys():
            self._remove(self._entries.pop(name))
        for voice in wanted.values():
            self._want(voice)

    def scale(self, name: str, scale: float) -> None:
        """Load a voice with its adapter at another scale, until a document comes. Raises UnknownVoice."""
        voice = self.find(name)
        if voice.adapter is not None:
            adapter = msgspec.structs.replace(voice.adapter, scale=scale)
            self._want(msgspec.structs.replace(voice, adapter=adapter))

    async def settled(self, seconds: float) -> None:
        """Waits until no voice is loading, at most so long."""
        tasks = [entry.task for entry in self._entries.values() if entry.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    def status(self) -> VoicesStatus:
        """What became of each listed voice."""
        return VoicesStatus(
            generation=max(0, self.generation),
            voices={name: listed.status(self._entries, entry) for name, entry in sorted(self._entries.items())},
        )

    def speakable(self) -> list[Voice]:
        """The voices that can be asked for now, by name."""
        return [loaded.voice for loaded in listed.speaking(self._entries)]

    def find(self, name: str) -> Voice:
        """The voice of this name, or the one that an OpenAI name stands for. Raises UnknownVoice."""
        return listed.find(self._entries, name).voice

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Chosen]:
        """The voice of a name, or the blend that it is, kept loaded for as long as the context lasts.

        Raises UnknownVoice; InvalidInput that names `voice` where a blend is not right.
        """
        chosen = listed.choose(self._entries, name)
        for loaded in chosen.held:
            loaded.users += 1
        try:
            yield chosen
        finally:
            for loaded in chosen.held:
                loaded.users -= 1
                self._unload_if_unused(loaded)

    async def close(self) -> None:
        """Stop loading and unloading."""
        tasks = [entry.task for entry in self._entries.values() if entry.task is not None]
        for task in (*tasks, *self._unloading):
            task.cancel()
        await asyncio.gather(*tasks, *self._unloading, return_exceptions=True)

    def _want(self, voice: Voice) -> None:
        entry = self._entries.get(voice.name)
        if entry is None:
            entry = self._entries[voice.name] = Entry(voice, self._status(voice, VoiceState.LOADING))
        elif entry.wanted == voice and entry.status.state is not VoiceState.FAILED:
            entry.status = self._status(voice, entry.status.state, entry.status.reason, entry.status.code)
            return
        entry.wanted = voice
        self._load(entry)

    def _load(self, entry: Entry) -> None:
        if entry.task is not None:
            entry.task.cancel()
        entry.status = self._status(entry.wanted, VoiceState.LOADING)
        entry.task = asyncio.create_task(self._loading(entry, entry.wanted))

    async def _loading(self, entry: Entry, voice: Voice) -> None:
        try:
            listed.check(voice)
            note = await self._loader.load(voice)
        except TimbreError as error:
            _log.warning("voice %s is not loaded: %s", voice.name, error)
            entry.status = self._status(voice, VoiceState.FAILED, str(error), voice_codes.of(error))
            return
        except Exception as error:
            _log.exception("voice %s is not loaded", voice.name)
            reason = f"internal error: {type(error).__name__}"
            entry.status = self._status(voice, VoiceState.FAILED, reason, voice_codes.of(error))
            return
        before, entry.speaking = entry.speaking, Loaded(voice)
        entry.status = self._status(voice, VoiceState.READY, note)
        if before is not None:
            before.unwanted = True
            self._unload_if_unused(before)

    def _remove(self, entry: Entry) -> None:
        if entry.task is not None:
            entry.task.cancel()
        if entry.speaking is not None:
            entry.speaking.unwanted = True
            self._unload_if_unused(entry.speaking)

    def _unload_if_unused(self, loaded: Loaded) -> None:
        if loaded.unwanted and loaded.users == 0:
            task = asyncio.ensure_future(self._loader.unload(loaded.voice))
            self._unloading.add(task)
            task.add_done_callback(self._unloading.discard)

    def _status(self, voice: Voice, state: VoiceState, reason: str = "", code: str = "") -> VoiceStatus:
        generation = max(0, self.generation)
        return VoiceStatus(digest=voice.digest, generation=generation, state=state, reason=reason, code=code)
