"""Rows as aligned text, and text of files that may be anybody's made harmless for a terminal."""

from collections.abc import Iterable


def aligned(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """A line a row, each column as wide as its widest cell."""
    rows = [tuple(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def printable(text: str) -> str:
    """The text with what could steer a terminal written out."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
