"""The JSON messages of the engine's WebSocket `/v1/audio/speech/stream`; audio travels beside them as binary s16le."""

from typing import Annotated, Final

import msgspec

from timbre_common import decoding

PATH: Final = "/v1/audio/speech/stream"
Codes = list[list[int]]
"""[frames][16] codec codes."""


class _Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What all messages share."""


class Continue(msgspec.Struct, frozen=True):
    """Codes of the frames that another engine has already made."""

    codes: Codes


class Start(_Message, frozen=True, tag="start"):
    """Begins an utterance; one at a time a connection."""

    voice: str
    language: str | None = None
    emotion: str | None = None
    seed: int | None = None
    continue_: Continue | None = msgspec.field(default=None, name="continue")
    return_codes: bool = False


class Text(_Message, frozen=True, tag="text"):
    """More text; any cutting gives the same speech."""

    text: str


class Flush(_Message, frozen=True, tag="flush"):
    """Make of the text what there is."""


class End(_Message, frozen=True, tag="end"):
    """No more text comes."""


class Cancel(_Message, frozen=True, tag="cancel"):
    """Stop now."""


class Started(_Message, frozen=True, tag="started"):
    """The utterance has a slot."""


class Mark(_Message, frozen=True, tag="mark"):
    """A piece of the text and when it is said; the pieces together are the text."""

    text: str
    start_ms: int
    end_ms: int
    estimated: bool


class CodesMade(_Message, frozen=True, tag="codes"):
    """Codec codes of frames just made."""

    first_frame: int
    codes: Codes


class Done(_Message, frozen=True, tag="done"):
    """The utterance's end. reason: finished, cancelled, empty."""

    samples: int
    reason: str


class Error(_Message, frozen=True, tag="error"):
    """What went wrong; the utterance is over. code: as in OpenAI's error object."""

    code: str
    message: str
    retry_after_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None


ClientMessage = Start | Text | Flush | End | Cancel
ServerMessage = Started | Mark | CodesMade | Done | Error


def decode_client(data: str | bytes) -> ClientMessage:
    """A client's message. Raises InvalidInput that names the field."""
    return decoding.from_json(data, ClientMessage)  # type: ignore[arg-type]


def decode_server(data: str | bytes) -> ServerMessage:
    """The engine's message. Raises InvalidInput that names the field."""
    return decoding.from_json(data, ServerMessage)  # type: ignore[arg-type]


def encode(message: ClientMessage | ServerMessage) -> str:
    """The message as JSON text."""
    return msgspec.json.encode(message).decode()
