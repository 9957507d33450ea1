"""`timbre-loras inspect`."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from timbre_common import gguf_header
from timbre_common.errors import SetupError
from timbre_common.gguf_header import Header, Value

_TYPES = {gguf_header.F32: "F32", gguf_header.F16: "F16"}


def inspect(file: Path) -> None:
    """Print what an adapter FILE holds: its metadata, its digest and its tensors."""
    try:
        with file.open("rb") as opened:
            size = file.stat().st_size
            header = gguf_header.parse(opened.read(gguf_header.MAX_BYTES), size)
            opened.seek(0)
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise SetupError(f"{file} cannot be read: {error.strerror}") from error
    sys.stdout.write("\n".join(describe(header, size, digest)) + "\n")


def describe(header: Header, size: int, digest: str) -> list[str]:
    """The lines that are printed; `digest` is the file's SHA-256, `size` its bytes."""
    ranks = {tensor.shape[0] for tensor in header.tensors if tensor.name.endswith(".lora_a") and tensor.shape}
    facts = [
        ("size", f"{size / 1e6:.2f} MB"),
        ("digest", f"sha256:{digest}"),
        ("tensors", str(len(header.tensors))),
        ("rank", ", ".join(map(str, sorted(ranks)))),
        *((_printable(key), _printable(_told(value))) for key, value in header.metadata.items()),
    ]
    rows = [
        (_printable(tensor.name), " x ".join(map(str, tensor.shape)), _TYPES[tensor.kind], str(tensor.size))
        for tensor in header.tensors
    ]
    return [*_aligned(facts), "", *_aligned([("tensor", "shape", "type", "bytes"), *rows])]


def _told(value: Value) -> str:
    return f"{len(value.content)} values" if isinstance(value.content, list) else str(value.content)


def _aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _printable(text: str) -> str:
    # The file may be anybody's: it must not steer the terminal.
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
