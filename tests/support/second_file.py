"""An adapter that names a second file, as far as a fetcher reads it."""

import hashlib
from pathlib import Path
from typing import NamedTuple

from gguf import GGUFWriter

from timbre_common import adapters

NAME = "lisa.predictor-0123456789ab.gguf"


class Pair(NamedTuple):
    """Both files' contents."""

    first: bytes
    second: bytes


def digest(content: bytes) -> str:
    """`sha256:…`"""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def fetched(content: bytes) -> str:
    """What it is called below `sha256/`."""
    return f"{hashlib.sha256(content).hexdigest()}.gguf"


def pair(folder: Path, second: bytes, **said: str) -> Pair:
    """A first file that names `second` by NAME and its digest; `said`: in the place of one of these."""
    told = {"file": NAME, "digest": digest(second), **said}
    writer = GGUFWriter(folder / "first.gguf", adapters.ARCHITECTURE)
    writer.add_string(adapters.KEY_PREDICTOR_FILE, told["file"])
    writer.add_string(adapters.KEY_PREDICTOR_DIGEST, told["digest"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Pair((folder / "first.gguf").read_bytes(), second)
