"""Qwen's vocabulary from its tiktoken file, as `vocab.json` and `merges.txt` have it."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SIZE: Final = 151_643
"""Tokens before the special ones."""
ROWS: Final = 151_936
"""Rows of the text embedding."""


def write(tiktoken: Path, directory: Path) -> None:
    """Write both files."""
    lines = (line.split() for line in tiktoken.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    assert len(ranks) == SIZE
    letters = _letters()

    def spelt(token: bytes) -> str:
        return "".join(letters[byte] for byte in token)

    vocabulary = {spelt(token): rank for token, rank in ranks.items()}
    merges = (" ".join(map(spelt, _halves(token, ranks))) for token in ranks if len(token) > 1)
    (directory / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (directory / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")


def _halves(token: bytes, ranks: Mapping[bytes, int]) -> list[bytes]:
    """The two tokens that a token is merged of: the last merge on the way to it."""
    parts = [token[at : at + 1] for at in range(len(token))]
    while len(parts) > 2:
        _, at = min((ranks.get(parts[at] + parts[at + 1], SIZE), at) for at in range(len(parts) - 1))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


def _letters() -> list[str]:
    """Byte -> the letter that byte-level vocabularies spell it with."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
