"""OpenAI's speech request, and ours beside it: parsed and checked, without I/O."""

from enum import StrEnum
from typing import Annotated, Final, TypeVar

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput, TooLarge, UnknownModel
from timbre_engine.engine import Wanted

OPENAI_MODELS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""Model names that OpenAI's clients use; they mean the model that runs."""

_Choice = TypeVar("_Choice", bound=StrEnum)
Speed = Annotated[float, msgspec.Meta(ge=0.25, le=4.0)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Format(StrEnum):
    """What audio can be had as."""

    MP3 = "mp3"
    WAV = "wav"
    PCM = "pcm"
    OPUS = "opus"
    FLAC = "flac"


class StreamFormat(StrEnum):
    """Plain audio, or server-sent events."""

    AUDIO = "audio"
    SSE = "sse"


class _VoiceId(msgspec.Struct, frozen=True):
    id: str


class _Body(msgspec.Struct, frozen=True):
    """The fields as they come; what else a client sends is left alone."""

    model: str
    input: str
    voice: str | _VoiceId
    instructions: str | None = None
    response_format: str | None = None
    speed: Speed | None = None
    stream_format: str | None = None
    language: str | None = None
    emotion: str | None = None
    seed: Seed | None = None


class SpeechRequest(msgspec.Struct, frozen=True):
    """A request that has been checked."""

    wanted: Wanted
    text: str
    format: Format
    stream_format: StreamFormat


def parse(data: bytes, model: str, max_chars: int) -> SpeechRequest:
    """The request in a body. Raises InvalidInput that names the field, TooLarge, UnknownModel."""
    body = decoding.from_json(data, _Body)
    if body.model not in (model, *OPENAI_MODELS):
        raise UnknownModel(body.model[:64])
    if not body.input.strip():
        raise InvalidInput("some text is right, not an empty one", "input")
    if len(body.input) > max_chars:
        raise TooLarge(f"at most {max_chars} characters are right, not {len(body.input)}", "input")
    voice = body.voice if isinstance(body.voice, str) else body.voice.id
    return SpeechRequest(
        wanted=Wanted(
            voice=voice,
            language=body.language,
            emotion=body.emotion,
            speed=1.0 if body.speed is None else body.speed,
            seed=body.seed,
            instructions=body.instructions,
        ),
        text=body.input,
        format=_format(body.response_format),
        stream_format=_choice(StreamFormat, body.stream_format or "audio", "stream_format"),
    )


def _format(name: str | None) -> Format:
    if name == "aac":
        raise InvalidInput("aac is not made here; mp3, wav, pcm, opus or flac are right", "response_format")
    return _choice(Format, name or "mp3", "response_format")


def _choice(kind: type[_Choice], value: str, field: str) -> _Choice:
    try:
        return kind(value)
    except ValueError as error:
        raise InvalidInput(f"{', '.join(kind)} are right, not {value[:32]!r}", field) from error
