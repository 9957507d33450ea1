"""A voices document as files that fit into ConfigMaps: compressed, and in several parts where it is large.

Every part says which generation it belongs to, which part it is and of how many. Parts are stored and mounted one by
one, so a reader may meet parts of two generations at once: it takes the newest generation that is whole, or nothing.
"""

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec

from timbre_common import decoding
from timbre_common.documents import Voice, VoicesDocument
from timbre_common.errors import InvalidInput, TooLarge

KEY: Final = "part.gz"
"""Of a part in its ConfigMap's `binaryData`."""
MOST: Final = 8
"""Parts of a document: the pod template names that many ConfigMaps, so that it never changes."""
LIMIT: Final = 900 << 10
"""Bytes of a part: a ConfigMap ends at 1 MiB, counted before base64."""
_MOST_DECODED: Final = 32 << 20
_GZIP: Final = 31
"""zlib's word for gzip's format. Its header holds no time, so the same voices are the same bytes."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of a document."""

    generation: Annotated[int, msgspec.Meta(ge=0)]
    index: Annotated[int, msgspec.Meta(ge=0, lt=MOST)]
    count: Annotated[int, msgspec.Meta(ge=1, le=MOST)]
    voices: list[Voice]


def file_name(index: int) -> str:
    """A part's name where parts are mounted side by side."""
    return f"voices-{index}.gz"


def split(document: VoicesDocument, limit: int = LIMIT) -> list[bytes]:
    """The document's parts, gzip, each of at most `limit` bytes. Raises TooLarge where more than MOST are needed."""
    for number in range(1, MOST + 1):
        parts = [_encode(document.generation, index, number, document.voices[index::number]) for index in range(number)]
        if all(len(part) <= limit for part in parts):
            return parts
    raise TooLarge(f"{len(document.voices)} voices need more than {MOST} parts of {limit} bytes", "voices")


def join(parts: Iterable[bytes]) -> VoicesDocument:
    """The newest document of which every part is there. Raises InvalidInput where none is whole."""
    generations: dict[int, dict[int, Part]] = {}
    for part in map(_decode, parts):
        generations.setdefault(part.generation, {})[part.index] = part
    for generation in sorted(generations, reverse=True):
        found = [generations[generation][index] for index in sorted(generations[generation])]
        if all(part.index == place and part.count == len(found) for place, part in enumerate(found)):
            voices = [voice for part in found for voice in part.voices]
            return VoicesDocument(generation=generation, voices=sorted(voices, key=lambda voice: voice.name))
    told = "; ".join(_tell(generation, list(found.values())) for generation, found in sorted(generations.items()))
    raise InvalidInput(f"no generation is whole: {told or 'there is no part'}")


def read(folder: Path) -> VoicesDocument | None:
    """The document whose parts lie in a folder by `file_name`; None where there is no part.

    Raises InvalidInput where a part is damaged or no generation is whole.
    """
    parts = []
    for index in range(MOST):
        try:
            parts.append((folder / file_name(index)).read_bytes())
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InvalidInput(f"cannot be read: {error.strerror}", file_name(index)) from error
    return join(parts) if parts else None


def _encode(generation: int, index: int, number: int, voices: Sequence[Voice]) -> bytes:
    part = Part(generation=generation, index=index, count=number, voices=list(voices))
    compress = zlib.compressobj(9, wbits=_GZIP)
    return compress.compress(msgspec.json.encode(part, order="deterministic")) + compress.flush()


def _decode(data: bytes) -> Part:
    decompress = zlib.decompressobj(_GZIP)
    try:
        content = decompress.decompress(data, _MOST_DECODED)
    except zlib.error as error:
        raise InvalidInput(f"a part in gzip's format is right: {error}") from error
    if not decompress.eof:
        raise InvalidInput(f"a part breaks off, or is over {_MOST_DECODED >> 20} MiB")
    return decoding.from_json(content, Part)


def _tell(generation: int, found: Sequence[Part]) -> str:
    return f"generation {generation} has {len(found)} of {max(part.count for part in found)} parts"
