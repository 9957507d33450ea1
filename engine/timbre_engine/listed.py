"""The listed voices: what speaks under which name. Nothing here waits or loads."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from timbre_common import blends
from timbre_common.documents import Voice, VoiceState, VoiceStatus
from timbre_common.errors import InvalidInput, UnknownVoice
from timbre_common.voice_codes import VoiceCode
from timbre_engine.backend import Part

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


@dataclass(eq=False, slots=True)
class Loaded:
    """A voice that the backend holds, and how many streams use it."""

    voice: Voice
    users: int = 0
    unwanted: bool = False


@dataclass(slots=True)
class Entry:
    """A listed voice. While a changed one loads, or where that failed, the one before it goes on speaking."""

    wanted: Voice
    status: VoiceStatus
    speaking: Loaded | None = None
    task: asyncio.Task[None] | None = field(default=None)


Entries = Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What speaks an utterance; `voice` and `blend` are those of SynthesisRequest."""

    name: str
    """The voice's, or the blend that was asked for."""
    voice: Voice
    blend: tuple[Part, ...]
    held: tuple[Loaded, ...]
    """What has to stay loaded meanwhile."""


def choose(entries: Entries, name: str) -> Chosen:
    """The voice of a name, or the blend that `name` is. Raises UnknownVoice; InvalidInput that names `voice`."""
    if blends.is_blend(name):
        parts = _parts(entries, name, "voice")
        heaviest, _ = max(parts, key=lambda part: part[1])
        return _chosen(name, heaviest.voice, parts, ())
    loaded = find(entries, name)
    parts = [] if loaded.voice.blend is None else _parts(entries, loaded.voice.blend, "voice")
    return _chosen(loaded.voice.name, loaded.voice, parts, (loaded,))


def find(entries: Entries, name: str) -> Loaded:
    """The voice of this name, or the one that an OpenAI name stands for. Raises UnknownVoice."""
    entry = entries.get(name)
    if entry is not None and entry.speaking is not None and _speaks(entries, entry.speaking):
        return entry.speaking
    speaks = speaking(entries)
    if entry is None and name in OPENAI_NAMES and speaks:
        return speaks[OPENAI_NAMES.index(name) % len(speaks)]
    raise UnknownVoice(name[:64])


def speaking(entries: Entries) -> list[Loaded]:
    """What can be asked for now, by name."""
    loaded = [entry.speaking for _, entry in sorted(entries.items()) if entry.speaking is not None]
    return [each for each in loaded if _speaks(entries, each)]


def status(entries: Entries, entry: Entry) -> VoiceStatus:
    """What became of a listed voice; a blend is as ready as its voices are."""
    if entry.status.state is not VoiceState.READY or entry.speaking is None:
        return entry.status
    state, reason = _of_blend(entries, entry.speaking.voice)
    if not reason:
        return entry.status
    code = VoiceCode.INVALID if state is VoiceState.FAILED else ""
    return msgspec.structs.replace(entry.status, state=state, reason=reason, code=code)


def check(voice: Voice) -> None:
    """Refuse a blend that has what its voices bring. Raises InvalidInput."""
    if voice.blend is None:
        return
    blends.parse(voice.blend, "blend")
    for name in ("speaker", "adapter", "reference"):
        if getattr(voice, name) is not None:
            raise InvalidInput("a blend has those of its voices: leave it out", name)


def _speaks(entries: Entries, loaded: Loaded) -> bool:
    state, _ = _of_blend(entries, loaded.voice)
    return state is VoiceState.READY


def _of_blend(entries: Entries, voice: Voice) -> tuple[VoiceState, str]:
    """What the voices of a checked blend make of it, and why; any other voice is ready."""
    if voice.blend is not None:
        try:
            _parts(entries, voice.blend, "blend")
        except InvalidInput as error:
            named = [entries.get(name) for name, _ in blends.parse(voice.blend, "blend")]
            waits = any(entry is not None and entry.status.state is VoiceState.LOADING for entry in named)
            return VoiceState.LOADING if waits else VoiceState.FAILED, str(error)
    return VoiceState.READY, ""


def _parts(entries: Entries, blend: str, field: str) -> list[tuple[Loaded, float]]:
    """The voices of a blend and their weights. Raises InvalidInput that names `field`."""
    parts = []
    for name, weight in blends.parse(blend, field):
        entry = entries.get(name)
        if entry is None or entry.speaking is None:
            raise InvalidInput(f"the voice {name!r} of the blend is not loaded", field)
        if entry.speaking.voice.blend is not None:
            raise InvalidInput(f"{name!r} is a blend itself: name the voices that it is made of", field)
        parts.append((entry.speaking, weight))
    return parts


def _chosen(name: str, voice: Voice, parts: list[tuple[Loaded, float]], held: tuple[Loaded, ...]) -> Chosen:
    blend = tuple(Part(loaded.voice, weight) for loaded, weight in parts)
    return Chosen(name, voice, blend, held + tuple(loaded for loaded, _ in parts))
