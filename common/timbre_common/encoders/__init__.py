"""PCM into what listeners ask for, while it is being made.

Every encoder takes mono s16le at 24 kHz in any pieces and gives bytes as soon as it has them; none needs the length.

Needs the packages of the extras `engine` or `bridge`, so nothing imports it that a mere client uses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from timbre_common.encoders.mp3 import Mp3
from timbre_common.encoders.raw import Pcm, Wav


class Encoder(Protocol):
    """Turns one utterance's samples into a file, piece by piece."""

    def feed(self, pcm: bytes) -> bytes:
        """What is ready after these samples; maybe nothing yet."""

    def finish(self) -> bytes:
        """The rest. Nothing may be fed afterwards."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A format's content type, and how its encoder is made."""

    content_type: str
    encoder: Callable[[], Encoder]


def _opus() -> Encoder:
    from timbre_common.encoders.container import Opus  # only here: FFmpeg and numpy take 18 MB

    return Opus()


def _flac() -> Encoder:
    from timbre_common.encoders.container import Flac  # as above

    return Flac()


KINDS: Final[Mapping[str, Kind]] = {
    "mp3": Kind("audio/mpeg", Mp3),
    "wav": Kind("audio/wav", Wav),
    "pcm": Kind("audio/pcm", Pcm),
    "opus": Kind("audio/ogg", _opus),
    "flac": Kind("audio/flac", _flac),
}
"""By OpenAI's name of the format."""
