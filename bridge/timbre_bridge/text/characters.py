"""First stage: characters that are never spoken, whatever stands around them."""

import re
import unicodedata

import emoji

from timbre_bridge.text.marks import EMOJI

_KEYCAP_START = re.compile(r"[0-9#*]\ufe0f?\Z")
"""The end of a piece that may become a keycap emoji, such as 1️⃣."""

_REPLACED = {
    "\r": "\t",
    "\u2010": "-",
    "\u2011": "-",
    "\u203c": "!",
    "\u2049": "?",
    "\u2028": "\n",
    "\u2029": "\n",
    "\u2215": "/",
    "\u2044": "/",
    "\u2212": "-",
}
_DROPPED_CATEGORIES = {"Cc", "Cf", "Cs", "Co"}
_KEPT = {"\t", "\n", "\u200c"}
"""Tab, line feed, and the zero-width non-joiner that Persian spelling needs."""


_EMOJI_CHARACTERS = frozenset(char for sequence in emoji.EMOJI_DATA for char in sequence if not char.isascii())
"""Every character of every emoji sequence, ASCII (the keycaps' digits) apart."""


class _Table(dict[int, str]):
    """What becomes of each character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char in _REPLACED:
            result = _REPLACED[char]
        elif char in _KEPT:
            result = char
        elif unicodedata.category(char) in _DROPPED_CATEGORIES or "\ufe00" <= char <= "\ufe0f":
            result = ""
        elif char in _EMOJI_CHARACTERS:
            result = EMOJI
        elif unicodedata.category(char) == "Cn":  # not a character, or younger than this Python
            result = ""
        else:
            result = unicodedata.normalize("NFC", char)  # the Kelvin sign is a K, the Greek question mark a semicolon
        self[code] = result
        return result


_TABLE = _Table()
_KEYCAP = re.compile(r"[0-9#*]\ufe0f?\u20e3")


class Characters:
    """Removes control characters and emoji; holds back at most two characters, which may begin a keycap emoji."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, piece: str) -> str:
        """What is certain of the text so far, without what is never spoken."""
        text = self._held + piece
        match = _KEYCAP_START.search(text, max(0, len(text) - 2))
        self._held = match.group() if match else ""
        return speakable(text[: match.start()] if match else text)

    def finish(self) -> str:
        """The rest."""
        text, self._held = self._held, ""
        return speakable(text)


def speakable(text: str) -> str:
    """The text without what is never spoken, an EMOJI mark for each character of an emoji."""
    if not text.isascii():
        text = _KEYCAP.sub(EMOJI, text)
    return text.translate(_TABLE)
