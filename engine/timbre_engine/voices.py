"""The voices that the engine holds: a desired document, and what became of each voice in it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from timbre_common.documents import Voice, VoicesDocument, VoicesStatus, VoiceState, VoiceStatus
from timbre_common.errors import TimbreError, UnknownVoice

_log = logging.getLogger(__name__)

OPENAI_NAMES: Final = (
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
)
"""What OpenAI's clients call voices: each means one of those loaded, unless a voice has that name."""


class Loader(Protocol):
    """What the registry needs of a backend."""

    def load(self, voice: Voice) -> Awaitable[str]:
        """See Backend."""

    def unload(self, voice: Voice) -> Awaitable[None]:
        """See Backend."""


@dataclass(eq=False, slots=True)
class _Loaded:
    """A voice that the backend holds, and how many streams use it."""

    voice: Voice
    users: int = 0
    unwanted: bool = False


@dataclass(slots=True)
class _Entry:
    """A listed voice. While a changed one loads, or where that failed, the one before it goes on speaking."""

    wanted: Voice
    status: VoiceStatus
    speaking: _Loaded | None = None
    task: asyncio.Task[None] | None = field(default=None)


class Voices:
    """Follows desired documents. One voice's failure never touches another."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._entries: dict[str, _Entry] = {}
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
        voice = self._find(name).voice
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
            voices={name: entry.status for name, entry in sorted(self._entries.items())},
        )

    def speakable(self) -> list[Voice]:
        """The voices that can be asked for now, by name."""
        return [entry.speaking.voice for _, entry in sorted(self._entries.items()) if entry.speaking is not None]

    def find(self, name: str) -> Voice:
        """The voice of this name, or the one that an OpenAI name stands for. Raises UnknownVoice."""
        return self._find(name).voice

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[Voice]:
        """The voice, kept loaded for as long as the context lasts. Raises UnknownVoice."""
        loaded = self._find(name)
        loaded.users += 1
        try:
            yield loaded.voice
        finally:
            loaded.users -= 1
            self._unload_if_unused(loaded)

    async def close(self) -> None:
        """Stop loading and unloading."""
        tasks = [entry.task for entry in self._entries.values() if entry.task is not None]
        for task in (*tasks, *self._unloading):
            task.cancel()
        await asyncio.gather(*tasks, *self._unloading, return_exceptions=True)

    def _find(self, name: str) -> _Loaded:
        entry = self._entries.get(name)
        if entry is not None and entry.speaking is not None:
            return entry.speaking
        speaking = [entry.speaking for _, entry in sorted(self._entries.items()) if entry.speaking is not None]
        if entry is None and name in OPENAI_NAMES and speaking:
            return speaking[OPENAI_NAMES.index(name) % len(speaking)]
        raise UnknownVoice(name[:64])

    def _want(self, voice: Voice) -> None:
        entry = self._entries.get(voice.name)
        if entry is None:
            entry = self._entries[voice.name] = _Entry(voice, self._status(voice, VoiceState.LOADING))
        elif entry.wanted == voice and entry.status.state is not VoiceState.FAILED:
            entry.status = self._status(voice, entry.status.state, entry.status.reason)
            return
        entry.wanted = voice
        self._load(entry)

    def _load(self, entry: _Entry) -> None:
        if entry.task is not None:
            entry.task.cancel()
        entry.status = self._status(entry.wanted, VoiceState.LOADING)
        entry.task = asyncio.create_task(self._loading(entry, entry.wanted))

    async def _loading(self, entry: _Entry, voice: Voice) -> None:
        try:
            note = await self._loader.load(voice)
        except TimbreError as error:
            _log.warning("voice %s is not loaded: %s", voice.name, error)
            entry.status = self._status(voice, VoiceState.FAILED, str(error))
            return
        except Exception as error:
            _log.exception("voice %s is not loaded", voice.name)
            entry.status = self._status(voice, VoiceState.FAILED, f"internal error: {type(error).__name__}")
            return
        before, entry.speaking = entry.speaking, _Loaded(voice)
        entry.status = self._status(voice, VoiceState.READY, note)
        if before is not None:
            before.unwanted = True
            self._unload_if_unused(before)

    def _remove(self, entry: _Entry) -> None:
        if entry.task is not None:
            entry.task.cancel()
        if entry.speaking is not None:
            entry.speaking.unwanted = True
            self._unload_if_unused(entry.speaking)

    def _unload_if_unused(self, loaded: _Loaded) -> None:
        if loaded.unwanted and loaded.users == 0:
            task = asyncio.ensure_future(self._loader.unload(loaded.voice))
            self._unloading.add(task)
            task.add_done_callback(self._unloading.discard)

    def _status(self, voice: Voice, state: VoiceState, reason: str = "") -> VoiceStatus:
        return VoiceStatus(digest=voice.digest, generation=max(0, self.generation), state=state, reason=reason)
