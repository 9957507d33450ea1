"""What travels between the engine and an espeak worker: msgpack structs."""

import msgspec


class _Message(msgspec.Struct, frozen=True, tag=True):
    """What all messages share."""


class Begin(_Message, frozen=True):
    """To the worker: a new utterance; `number` grows by one each time."""

    number: int
    voice: str
    """espeak-ng's voice and variant, such as `roa/fr+f2`."""
    rate: int
    """Words a minute."""
    pitch: int
    """0 to 100."""
    gain: float
    """A factor on the samples."""
    seed: int


class Speak(_Message, frozen=True):
    """To the worker: the next piece of text."""

    text: str


class Silence(_Message, frozen=True):
    """To the worker: a pause before the next piece."""

    seconds: float
    text: str
    """Its mark-up."""


class End(_Message, frozen=True):
    """To the worker: no more pieces."""


class Cancel(_Message, frozen=True):
    """To the worker: stop the utterance of this number, if it still runs."""

    number: int


class Hello(_Message, frozen=True):
    """From the worker, once: what the library can do."""

    version: str
    languages: dict[str, str]
    """BCP 47 tags in lower case -> espeak-ng's voice."""
    variants: list[str]


class Pcm(_Message, frozen=True):
    """From the worker: the next samples, s16le at 24 kHz."""

    pcm: bytes


class Word(_Message, frozen=True):
    """From the worker: a mark."""

    text: str
    start_ms: int
    end_ms: int


class Ended(_Message, frozen=True):
    """From the worker: the utterance is over, cancelled or not."""


class Failed(_Message, frozen=True):
    """From the worker: the utterance is over because espeak-ng refused."""

    reason: str


ToWorker = Begin | Speak | Silence | End | Cancel
FromWorker = Hello | Pcm | Word | Ended | Failed

TO_WORKER: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
FROM_WORKER: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
