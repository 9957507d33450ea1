"""An adapter's second file: what the first one's header tells of it, and where it is fetched from. Pure."""

from typing import BinaryIO
from urllib.parse import urlsplit

import msgspec

from timbre_common import adapter_header, gguf_header
from timbre_common.adapter_header import Beside
from timbre_common.errors import Malformed
from timbre_common.sources import S3, Http, HuggingFace, Oci, Remote


def named_by(file: BinaryIO, size: int) -> Beside | None:
    """What a file of `size` bytes names; None where it names none, or is no adapter, which the engine refuses."""
    try:
        return adapter_header.predictor(gguf_header.parse(file.read(gguf_header.MAX_BYTES), size).metadata)
    except Malformed:
        return None


def source(first: Remote, name: str) -> Remote:
    """Where the file of this name is, of an adapter that comes from `first`: in the same folder, at the same revision,
    with the URL's query; in a registry another layer of the artefact, which is found by its digest.
    """
    match first:
        case Http():
            parts = urlsplit(first.url)
            return Http(url=parts._replace(path=_beside(parts.path, name)).geturl())
        case HuggingFace():
            return msgspec.structs.replace(first, file=_beside(first.file, name))
        case S3():
            return msgspec.structs.replace(first, key=_beside(first.key, name))
        case Oci():
            return first


def _beside(path: str, name: str) -> str:
    folder, slash, _ = path.rpartition("/")
    return f"{folder}{slash}{name}"
