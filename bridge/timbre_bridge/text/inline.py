"""Markdown's marks inside a line, one reader each: pure, from the text at the mark to what of it is read.

Each answers None while later characters could still change the answer, and never for longer than a limit.
"""

import re
from dataclasses import dataclass

from timbre_bridge.text import links
from timbre_bridge.text.characters import speakable
from timbre_bridge.text.marks import EM_CLOSE, EM_OPEN, PAUSE, silence
from timbre_common import pauses

_HEADS = ("http://", "https://", "ftp://", "www.", "mailto:")


def _prefixes(head: str) -> str:
    """A pattern for every proper prefix of an address's head."""
    pattern = ""
    for char in reversed(head[:-1]):
        pattern = f"{char}(?:{pattern})?" if pattern else char
    return pattern


_HEAD = "|".join(re.escape(head) for head in _HEADS)
_SPECIAL = re.compile(rf"[\\`*_\[\]<&!~|\n]|(?<![A-Za-z0-9])(?i:{_HEAD})")
_HEAD_PARTIAL = re.compile(rf"(?<![A-Za-z0-9])(?i:{'|'.join(_prefixes(head) for head in _HEADS)})\Z")
_ADDRESS_HOST = re.compile(rf"(?i:{_HEAD})([^\s<>\"«»“”`|*\\()\[\]!,;/?#]*)")
_PATH_END = r"\s<>\"«»“”`|\\\[\]"
_PATH_MARKS = r".,;:!?)'’…~_*"
_PATH_PLAIN = rf"[^{_PATH_END}{_PATH_MARKS}]"
_PATH = re.compile(rf"(?:{_PATH_PLAIN}|[{_PATH_MARKS}]{{1,20}}(?={_PATH_PLAIN}))*")
_PATH_PUNCTUATION = re.compile(rf"[{_PATH_MARKS}]{{0,20}}\Z")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,50}\]")
_FOOTNOTE_PARTIAL = re.compile(r"\[(?:\^[^\]\s]{0,50})?\Z")
_REFERENCE = re.compile(r"\]\[[^\]\n]{0,100}\]")
_REFERENCE_PARTIAL = re.compile(r"\]\[[^\]\n]{0,100}\Z")
_ANGLE = re.compile(rf"<[^<>]{{1,{links.HOLD_LIMIT}}}>")
_ANGLE_PARTIAL = re.compile(rf"<[^<>]{{0,{links.HOLD_LIMIT}}}\Z")
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»“”‘’…—–")

_HOST_LIMIT = 253
_LINE_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Read:
    """Where the mark ends, what of it is read, and what is to be skipped after it."""

    end: int
    read: str = ""
    skip_to: str = ""
    skip_run: bool = False


def find_special(text: str, at: int, before: str, *, final: bool) -> int:
    """Where the next mark or address begins (the text's end: nowhere); -1: what is there may become an address."""
    match = _SPECIAL.search(text, at)
    if match and match.start() == at and len(match[0]) > 1 and _joined(before):
        match = _SPECIAL.search(text, at + 1)
    if match:
        return match.start()
    if final:
        return len(text)
    partial = _HEAD_PARTIAL.search(text, max(at, len(text) - 8))
    if partial is None or (partial.start() == at and _joined(before)):
        return len(text)
    return partial.start() if partial.start() > at else -1


def _joined(before: str) -> bool:
    return before.isascii() and before.isalnum()


def run(text: str, at: int, limit: int, *, final: bool) -> int:
    """How often the character is repeated, at most `limit` times; 0: not certain yet."""
    char, end = text[at], at + 1
    while end < len(text) and end - at < limit and text[end] == char:
        end += 1
    return 0 if end == len(text) and end - at < limit and not final else end - at


def asterisks(length: int, before: str, after: str, *, is_open: bool) -> str:
    """What a run of asterisks is: EM_OPEN, EM_CLOSE, a multiplication's sign, or nothing that is read."""
    if length > 3 or before == "*":
        return ""
    spaced_before, spaced_after = not before or before.isspace(), not after or after.isspace()
    if length == 1 and ((before.isdigit() and after.isdigit()) or (spaced_before and spaced_after)):
        return "*"
    if is_open and length != 2 and not spaced_before and (before not in _PUNCTUATION or not after.isalnum()):
        return EM_CLOSE
    if not is_open and length == 1 and not spaced_after and (after not in _PUNCTUATION or not before.isalnum()):
        return EM_OPEN
    return ""


def escape(text: str, at: int, *, final: bool) -> Read | None:
    """A backslash: the punctuation after it is no mark."""
    after = text[at + 1 : at + 2]
    if not after or after == "\n":
        return Read(at + 1) if final or after else None
    return Read(at + 2, after) if after.isascii() and after in _PUNCTUATION else Read(at + 1, "\\")


def bang(text: str, at: int, *, final: bool) -> Read | None:
    """An exclamation mark, or the sign that the link after it is an image."""
    after = text[at + 1 : at + 2]
    if not after and not final:
        return None
    return Read(at + 1, "" if after == "[" else "!")


def open_bracket(text: str, at: int, *, final: bool) -> Read | None:
    """A pause, or the start of a label, which is read; a footnote's mark is not."""
    match = pauses.MARK.match(text, at)
    if match:
        return Read(match.end(), silence(pauses.seconds(match)))
    match = _FOOTNOTE.match(text, at)
    if match:
        return Read(match.end())
    unsure = not final and (_FOOTNOTE_PARTIAL.match(text, at) or pauses.BEGUN.match(text, at))
    return None if unsure else Read(at + 1)


def close_bracket(text: str, at: int, *, is_label: bool, final: bool) -> Read | None:
    """The end of a label: what it leads to is not read."""
    after = text[at + 1 : at + 2]
    if not after and not final:
        return None
    if after == "(" and is_label:
        return _destination(text, at, final=final)
    if after == "[" and is_label:
        match = _REFERENCE.match(text, at)
        if not match and not final and _REFERENCE_PARTIAL.match(text, at):
            return None
        return Read(match.end()) if match else Read(at + 1)
    return Read(at + 1)


def _destination(text: str, at: int, *, final: bool) -> Read | None:
    end = links.read_destination(text, at + 1, final=final)
    if end is None:
        return None
    if end == at + 1 and links.is_endless(text, at + 1):
        return Read(at + 2, skip_run=True)  # an embedded picture's data
    return Read(max(end, at + 1))


def angle(text: str, at: int, *, final: bool) -> Read | None:
    """A tag, a comment, an autolink, or the sign of less-than."""
    after = text[at + 1 : at + 2]
    if after and after not in "/!?" and not (after.isascii() and after.isalpha()):
        return Read(at + 1, "<")
    if text.startswith("<!--", at):
        return Read(at + 4, skip_to="-->")
    if not final and _ANGLE_PARTIAL.match(text, at):
        return None
    match = _ANGLE.match(text, at)
    found = links.read_angle(match[0]) if match else None
    if match is None or found is None:
        return Read(at + 1, "<")
    return Read(match.end(), found[0], skip_to=f"</{found[1]}>" if found[1] else "")


def pipe(_text: str, at: int, *, final: bool) -> Read:  # noqa: ARG001 (one shape for all readers)
    """The end of a table's cell."""
    return Read(at + 1, PAUSE)


def entity(text: str, at: int, *, final: bool) -> Read | None:
    """A character by its name or number, or an ampersand."""
    result = links.read_entity(text, at, final=final)
    return Read(result[1], speakable(result[0])) if result else None


def address(text: str, at: int, *, final: bool) -> Read | None:
    """A bare address: its host is read, what follows is skipped."""
    match = _ADDRESS_HOST.match(text, at, at + _HOST_LIMIT)
    if match is None:
        return Read(at + 1, text[at])
    if match.end() == len(text) and match.end() < at + _HOST_LIMIT and not final:
        return None
    head = match.start(1) - at
    if text[at : at + head].lower() == "mailto:":
        return Read(at + head)
    name = match[1].rstrip(".:'’_~-")
    spoken = links.host("//" + name)
    more = text[at + head + len(name) : at + head + len(name) + 1]
    return Read(at + head + len(name), spoken, skip_run=bool(more) and more in "/?#")


def skip_path(text: str, at: int, *, final: bool) -> tuple[int, bool]:
    """How far the rest of an address certainly goes, and whether it ends there."""
    match = _PATH.match(text, at)
    end = match.end() if match else at
    return end, final or not _PATH_PUNCTUATION.match(text, end)


def closes_fence(text: str, at: int, fence: str, *, final: bool) -> bool | None:
    """Whether the line that begins at `at` is the end of the code; None: not certain yet."""
    end = text.find("\n", at, at + _LINE_LIMIT)
    line = text[at : end if end >= 0 else at + _LINE_LIMIT]
    if end < 0 and len(line) < _LINE_LIMIT and not final:
        return None
    body = line.strip(" \t>")
    return len(body) >= len(fence) and not body.strip(fence[0])
