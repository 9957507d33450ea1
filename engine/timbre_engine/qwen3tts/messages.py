"""What travels between the engine and the worker that computes: msgpack structs."""

import msgspec

from timbre_common.documents import Voice
from timbre_common.engine_stream import Codes
from timbre_engine.backend import Part


class _Message(msgspec.Struct, frozen=True, tag=True):
    """What all messages share."""


class Load(_Message, frozen=True):
    """To the worker: check a voice; answered by Loaded or Refused with the same `request`."""

    request: int
    voice: Voice


class Unload(_Message, frozen=True):
    """To the worker: no utterance uses this voice any more."""

    voice: Voice


class Begin(_Message, frozen=True, kw_only=True):
    """To the worker: a new utterance; everything was checked."""

    number: int
    voice: Voice
    blend: tuple[Part, ...] = ()
    language: str | None
    emotion: str
    speed: float
    seed: int
    instructions: str | None
    continue_codes: Codes | None
    return_codes: bool


class Feed(_Message, frozen=True):
    """To the worker: more text."""

    number: int
    text: str


class Flush(_Message, frozen=True):
    """To the worker: speak what there is."""

    number: int


class End(_Message, frozen=True):
    """To the worker: no more text."""

    number: int


class Cancel(_Message, frozen=True):
    """To the worker: stop."""

    number: int


class Taken(_Message, frozen=True):
    """To the worker: the client took so many samples, so that many more may be made."""

    number: int
    samples: int


class Hello(_Message, frozen=True):
    """From the worker, once it is warm."""


class OtherModel(_Message, frozen=True):
    """From the worker in place of Hello, before it ends: the model is not the one that was named."""

    reason: str


class LoadedAdapter(msgspec.Struct, frozen=True):
    """The adapter of a voice that can speak."""

    sha256: str
    rank: int


class Loaded(_Message, frozen=True):
    """From the worker: the voice can speak; `note` says what is not applied."""

    request: int
    note: str
    adapter: LoadedAdapter | None


class Refused(_Message, frozen=True):
    """From the worker: the voice cannot speak, for this reason; `code` is a VoiceCode."""

    request: int
    reason: str
    field: str
    code: str


class Pcm(_Message, frozen=True):
    """From the worker: the next samples, s16le at 24 kHz."""

    number: int
    pcm: bytes


class Marked(_Message, frozen=True):
    """From the worker: a mark."""

    number: int
    text: str
    start_ms: int
    end_ms: int


class MadeCodes(_Message, frozen=True):
    """From the worker: codes of frames just made."""

    number: int
    first_frame: int
    codes: Codes


class Ended(_Message, frozen=True):
    """From the worker: the utterance is over. `reason` is a backend.Reason."""

    number: int
    samples: int
    reason: str


class Failed(_Message, frozen=True):
    """From the worker: the utterance is over because it could not be made; `field`: of the request, is to blame."""

    number: int
    reason: str
    field: str = ""


class Resident(_Message, frozen=True):
    """From the worker: SHA-256 of each adapter in memory."""

    adapters: list[str]


ToWorker = Load | Unload | Begin | Feed | Flush | End | Cancel | Taken
FromWorker = Hello | OtherModel | Loaded | Refused | Pcm | Marked | MadeCodes | Ended | Failed | Resident
OfUtterance = Pcm | Marked | MadeCodes | Ended | Failed

TO_WORKER: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
FROM_WORKER: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
