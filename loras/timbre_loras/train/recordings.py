"""Recordings and what is said in them: a folder of wav and flac, with transcripts beside them or in one table."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from timbre_common.errors import InvalidInput, SetupError

SUFFIXES: Final = (".wav", ".flac")
MAX_TEXT_BYTES: Final = 16_384
_OF_A_PIPE: Final = 0xFFFF_FF00
_FILE: Final = "file"
_TEXT: Final = "text"
_LANGUAGE: Final = "language"


@dataclass(frozen=True, slots=True)
class Recording:
    """A file and its transcript."""

    path: Path
    text: str | None
    """None: there is none."""
    language: str = ""
    """As the table says."""


def find(folder: Path, table: Path | None) -> list[Recording]:
    """Every recording in a folder, by name. Raises SetupError where there is none, InvalidInput about the table."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError as error:
        raise SetupError(f"{folder} is no folder of recordings: {error.strerror}") from error
    if not paths:
        raise SetupError(f"{folder} holds no {' and no '.join(SUFFIXES)}")
    if table is None:
        return [Recording(path, _beside(path)) for path in paths]
    rows = dict(_rows(table))
    unknown = rows.keys() - {path.name for path in paths}
    if unknown:
        raise InvalidInput(f"there is no recording {min(unknown)!r} in {folder}", table.name)
    return [
        Recording(path, row.get(_TEXT), row.get(_LANGUAGE) or "")
        for path, row in ((path, rows.get(path.name, {})) for path in paths)
    ]


def _beside(path: Path) -> str | None:
    text = path.with_suffix(".txt")
    try:
        with text.open("rb") as file:
            return file.read(MAX_TEXT_BYTES).decode("utf-8-sig", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetupError(f"{text} cannot be read: {error.strerror}") from error


def breaks_off(head: bytes, size: int) -> bool:
    """Whether a file of `size` bytes that begins with `head` is a WAV file which ends before its header says.

    What is written to a pipe says 0 or nearly 4 GiB. Whether a last byte that evens the length counts is unsettled.
    """
    announced = int.from_bytes(head[4:8], "little")
    return head[:4] == b"RIFF" and announced < _OF_A_PIPE and size + 1 < announced + 8


def _rows(table: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(file's name, its row) of a CSV with a header, or of JSON lines."""
    try:
        lines = table.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{table} cannot be read: {error}") from error
    csv_rows: Iterator[Any] = iter(csv.DictReader(lines))
    for number, row in enumerate(csv_rows if table.suffix.lower() == ".csv" else map(_json, filter(str.strip, lines))):
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in (_FILE, _TEXT)):
            raise InvalidInput(f"{_FILE} and {_TEXT} are right in row {number + 1}", table.name)
        yield row[_FILE], row


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None
