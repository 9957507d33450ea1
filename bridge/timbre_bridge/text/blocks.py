"""The start of a line: which Markdown block it opens, and how many characters its marker takes.

`read_start` is pure: it gets the text from the start of a line and answers with the marker that is certain, or with
None while later characters could still change the answer.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from timbre_common import pauses

_MARKER_LIMIT = 300
"""Characters. No marker of a line is longer; what is, is text."""


class Block(Enum):
    """What the start of a line opens."""

    TEXT = auto()
    BLANK = auto()
    HEADING = auto()
    QUOTE = auto()
    ITEM = auto()
    NUMBERED = auto()
    RULE = auto()
    ROW = auto()
    FENCE = auto()
    DEFINITION = auto()
    FOOTNOTE = auto()


@dataclass(frozen=True, slots=True)
class Start:
    """The block, how many characters its marker takes, and what of the marker is read (an item's number)."""

    block: Block
    length: int
    read: str = ""


_TEXT = Start(Block.TEXT, 0)

_HEADING = re.compile(r"#{1,6}(?=[ \t\n])")
_RULE = re.compile(r"[-*_=][-*_=|: \t]*")
_BULLET = re.compile(r"[-*+•‣◦▪–—][ \t]+(?:\[[ xX]\][ \t]+)?")
_BULLET_PARTIAL = re.compile(r"[-*+•‣◦▪–—][ \t]*(?:\[(?:[ xX](?:\][ \t]*)?)?)?\Z")
_NUMBER = re.compile(r"(\d{1,3})[.)][ \t]+")
_NUMBER_PARTIAL = re.compile(r"\d{1,3}(?:[.)][ \t]*)?\Z")
_FENCE = re.compile(r"(`{3,}|~{3,})([^\n]*)\n")
_SEPARATOR = re.compile(r"[|:\-+ \t]+")
_LABEL = re.compile(r"\[(\^?)[^\]\n]{1,100}\]:")
_LABEL_PARTIAL = re.compile(r"\[[^\]\n]{0,100}\]?\Z")


def read_start(text: str, at: int, *, final: bool) -> Start | None:
    """What the line that begins at `at` (its indentation already taken) opens; None: not certain yet."""
    line = text[at : at + _MARKER_LIMIT]
    if not line:
        return _TEXT if final else None
    reader = _READERS.get(line[0])
    if reader is None:
        return _TEXT
    return reader(line, final or len(line) == _MARKER_LIMIT)


def _blank(line: str, final: bool) -> Start | None:
    del line, final
    return Start(Block.BLANK, 1)


def _quote(line: str, final: bool) -> Start | None:
    del line, final
    return Start(Block.QUOTE, 1)


def _heading(line: str, final: bool) -> Start | None:
    match = _HEADING.match(line)
    if match:
        return Start(Block.HEADING, match.end())
    if len(line) < 7 and not line.strip("#") and not final:
        return None
    return Start(Block.HEADING, len(line)) if len(line) < 7 and not line.strip("#") else _TEXT


def _marker(line: str, final: bool) -> Start | None:
    """A rule (also a setext underline), or a bullet."""
    match = _RULE.match(line)
    if match:
        if match.end() == len(line):
            return Start(Block.RULE, len(line)) if final else None
        if line[match.end()] == "\n":
            return Start(Block.RULE, match.end())
    return _bullet(line, final)


def _bullet(line: str, final: bool) -> Start | None:
    if not final and _BULLET_PARTIAL.match(line):
        return None
    match = _BULLET.match(line)
    return Start(Block.ITEM, match.end()) if match else _TEXT


def _number(line: str, final: bool) -> Start | None:
    if not final and _NUMBER_PARTIAL.match(line):
        return None
    match = _NUMBER.match(line)
    return Start(Block.NUMBERED, match.end(), match[1] + ". ") if match else _TEXT


def _fence(line: str, final: bool) -> Start | None:
    run = len(line) - len(line.lstrip(line[0]))
    if run < 3:
        return _TEXT if final or run < len(line) else None
    match = _FENCE.match(line)
    info = match[2] if match else line[run:]
    if line[0] == "`" and "`" in info:
        return _TEXT
    if match is None and not final:
        return None
    if match is None and len(line) == _MARKER_LIMIT:
        return _TEXT
    return Start(Block.FENCE, run)


def _row(line: str, final: bool) -> Start | None:
    match = _SEPARATOR.match(line)
    end = match.end() if match else 0
    if end == len(line):
        return Start(Block.RULE, end) if final else None
    return Start(Block.RULE, end) if line[end] == "\n" else Start(Block.ROW, 1)


def _definition(line: str, final: bool) -> Start | None:
    if pauses.MARK.match(line):
        return _TEXT
    match = _LABEL.match(line)
    if match:
        return Start(Block.FOOTNOTE if match[1] else Block.DEFINITION, match.end())
    return None if not final and _LABEL_PARTIAL.match(line) else _TEXT


_READERS = {
    "\n": _blank,
    ">": _quote,
    "#": _heading,
    "`": _fence,
    "~": _fence,
    "|": _row,
    "[": _definition,
    **dict.fromkeys("-*_=", _marker),
    **dict.fromkeys("+•‣◦▪–—", _bullet),
    **dict.fromkeys("0123456789", _number),
}
