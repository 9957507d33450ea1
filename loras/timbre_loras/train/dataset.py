"""A dataset: `lines.jsonl`, and for each line `codes/NAME.safetensors`; an x-vector beside it where there is one.

A line's file holds `codes` [frames, codebooks] integers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
import safetensors
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from timbre_common import decoding
from timbre_common.errors import InvalidInput, SetupError, TooLarge
from timbre_loras import atomic
from timbre_loras.train.base_config import AUTO

LINES: Final = "lines.jsonl"
CODES: Final = "codes"
MAX_CODE: Final = 2047
MAX_FRAMES: Final = 1024
"""82 s: far more than a run of the engine's."""
MAX_BYTES: Final = 1 << 20
"""Of a line's file."""

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$")]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of `lines.jsonl`."""

    name: Name
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]
    language: str = AUTO
    """As the model names it, such as french."""


@dataclass(frozen=True, slots=True)
class Example:
    """A line and what was heard of it."""

    line: Line
    codes: NDArray[np.int64]
    """[frames, codebooks]."""


def write_line(directory: Path, line: Line, codes: NDArray[np.integer]) -> None:
    """Add a line's codes [frames, codebooks]; `write_lines` makes it a part of the dataset. Raises SetupError."""
    atomic.make_folder(directory / CODES)
    # Contiguous, since the library writes an array's memory as it lies.
    atomic.write(_path(directory, line), save({CODES: np.ascontiguousarray(codes, np.int16)}))


def write_lines(directory: Path, lines: Iterable[Line]) -> None:
    """Write the list of lines. Raises SetupError."""
    atomic.write(directory / LINES, b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def read(directory: Path, codebooks: int) -> list[Example]:
    """Every line. Raises SetupError where files are missing, InvalidInput that names the line or the file."""
    try:
        rows = (directory / LINES).read_bytes().splitlines()
    except OSError as error:
        raise SetupError(f"{directory} is no dataset: {LINES}: {error.strerror}; timbre-loras prepare") from error
    lines = [_line(row, number) for number, row in enumerate(rows, 1) if row.strip()]
    names = [line.name for line in lines]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"{twice} stands there more than once", LINES)
    if not lines:
        raise InvalidInput("it holds no line", LINES)
    return [Example(line, _codes(_path(directory, line), codebooks)) for line in lines]


def _line(row: bytes, number: int) -> Line:
    try:
        line = decoding.from_json(row, Line)
    except InvalidInput as error:
        raise InvalidInput(str(error), f"{LINES}:{number}") from error
    if not line.text.strip():
        raise InvalidInput("what is said is right", f"{LINES}:{number}: text")
    return line


def _path(directory: Path, line: Line) -> Path:
    return directory / CODES / f"{line.name}.safetensors"


def _codes(path: Path, codebooks: int) -> NDArray[np.int64]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TooLarge(f"at most {MAX_BYTES >> 20} MiB are right", path.name)
        codes = load_file(path).get(CODES)
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        raise InvalidInput(f"cannot be read: {error}", path.name) from error
    if codes is None or codes.dtype.kind not in "iu" or codes.ndim != 2 or codes.shape[1] != codebooks:
        raise InvalidInput(f"a tensor {CODES} of whole numbers [frames, {codebooks}] is right", path.name)
    if not 0 < len(codes) <= MAX_FRAMES:
        raise InvalidInput(f"1 to {MAX_FRAMES} frames are right, not {len(codes)}", path.name)
    if codes.min() < 0 or codes.max() > MAX_CODE:
        raise InvalidInput(f"0 to {MAX_CODE} are codes", path.name)
    return codes.astype(np.int64)
