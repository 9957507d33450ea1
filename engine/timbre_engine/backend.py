"""What every backend is: the Protocol between the engine's surface and whatever makes the sound."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from timbre_common.documents import Voice
from timbre_common.engine_stream import Codes
from timbre_common.errors import Unsupported


@dataclass(frozen=True, slots=True)
class Info:
    """What a backend says of itself."""

    name: str
    """The backend's name, as `--backend` takes it."""
    model: str
    """The model's id, as `/v1/models` lists it."""
    slots: int
    """How many utterances it can make at once."""
    languages: tuple[str, ...]
    """BCP 47 tags that it speaks, in lower case."""
    codebooks: int = 0
    """Codec codes a frame, which a stream can return and be continued from; 0: it has none."""
    sample_rate: int = 24_000
    """Samples a second; audio is always mono s16le at this rate."""
    voices: tuple[Voice, ...] = ()
    """Voices that it was started with; a voices document takes their place."""


@dataclass(frozen=True, slots=True)
class AdapterState:
    """What a backend holds of a voice's adapter."""

    path: str
    sha256: str
    """Of the file, hexadecimal."""
    rank: int
    resident: bool
    """Whether it is in memory; one that is not is read when its voice next speaks."""


@dataclass(frozen=True, slots=True)
class Part:
    """A loaded voice of a blend, and how much of it."""

    voice: Voice
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisRequest:
    """One utterance to be made; its text comes afterwards."""

    voice: Voice
    blend: tuple[Part, ...] = ()
    """Voices whose adapters and speakers are mixed, in place of those of `voice`; a backend that has neither leaves
    them."""
    language: str | None = None
    """BCP 47; None: the voice's first."""
    emotion: str | None = None
    """A style of the voice's prosody; unknown ones sound neutral."""
    speed: float = 1.0
    """Multiplies the voice's own speed."""
    seed: int | None = None
    """The same seed gives the same samples; None: the backend's own."""
    instructions: str | None = None
    """How to speak, in words; a backend that cannot follow them leaves them."""
    continue_codes: Codes | None = None
    """Codes of the frames that another engine has already made: go on after them."""
    return_codes: bool = False
    """Whether Codes events are wanted."""


class Reason(StrEnum):
    """Why an utterance ended."""

    FINISHED = "finished"
    CANCELLED = "cancelled"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Audio:
    """Mono s16le samples at 24 kHz, the next of the utterance; at most 200 ms."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of the text and when it is said, ms of the utterance; comes before its audio.

    Marks are contiguous, and their texts together are exactly the text fed. An empty utterance has none.
    """

    text: str
    start_ms: int
    end_ms: int
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class CodesMade:
    """Codec codes of frames just made, [frames][codebooks]. An empty frame stands where a run of long text ended."""

    first_frame: int
    codes: Codes


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event: how many samples were given, and why it ended."""

    samples: int
    reason: Reason


Event = Audio | Mark | CodesMade | Finished


class Utterance(Protocol):
    """One utterance being made. Feeding and iterating may run in two tasks of one event loop."""

    async def feed(self, text: str) -> None:
        """More text; any cutting gives the same speech.

        Never waits for events to be taken, so everything may be fed before the first is: the caller bounds the text.
        """

    async def flush(self) -> None:
        """Speak what there is, even where no sentence or clause has ended."""

    async def end(self) -> None:
        """No more text comes."""

    def cancel(self) -> None:
        """Stop: what was not yielded is dropped, and the iteration ends with Finished(reason=CANCELLED)."""

    def __aiter__(self) -> AsyncIterator[Event]:
        """The events, once; the last is Finished. Raises EngineUnavailable where the making broke off."""

    async def close(self) -> None:
        """Cancel what still runs; returns when the backend can take another utterance in its place."""


class Backend(Protocol):
    """Makes speech. At most `info.slots` utterances are open at once; the caller sees to that."""

    @property
    def info(self) -> Info:
        """What it is; complete once started."""

    async def start(self) -> None:
        """Get ready to speak. Raises SetupError with what to do where the machine lacks something, and DigestMismatch
        where the model is another than the one that was named.
        """

    async def close(self) -> None:
        """Give everything back: no process, no thread is left."""

    async def load(self, voice: Voice) -> str:
        """Make a voice speakable; what was not applied, or "". Asked before `start` is done, it waits for that.

        Raises Permanent with the reason where it cannot be.
        """

    async def unload(self, voice: Voice) -> None:
        """Forget a loaded voice that no utterance uses any more."""

    def check(self, request: SynthesisRequest) -> None:
        """Refuse early what `open` would refuse. Raises InvalidInput that names the field, or Unsupported."""

    async def open(self, request: SynthesisRequest) -> Utterance:
        """Begin an utterance. Raises what `check` raises, and EngineUnavailable."""

    def adapter(self, voice: Voice) -> AdapterState | None:
        """The adapter of a loaded voice; None where it has none, or none is applied."""

    def adapters_loaded(self) -> Collection[str]:
        """SHA-256 of each adapter in memory."""


def refuse_codes(request: SynthesisRequest) -> None:
    """For backends without codec codes. Raises Unsupported that names the field."""
    if request.continue_codes is not None:
        raise Unsupported("this backend has no codec codes to continue from", "continue")
    if request.return_codes:
        raise Unsupported("this backend has no codec codes to return", "return_codes")
