"""Third stage: an emphasis between single asterisks is read, a stage direction is not.

A piece between single asterisks is a stage direction only where a sentence could begin. There it is held back until the
first character after it tells which of the two it is. Anywhere else it is an emphasis at once, and nothing is held.
"""

from timbre_bridge.text.marks import BREAK, EM_CLOSE, EM_OPEN, EMOJI, SILENCE

HOLD_LIMIT = 1000
"""Characters. A piece that is not closed by then is read: an asterisk that nobody closed must not silence an agent."""

_OPENERS = "«“‘\"'([{„‹—–-"
_CLOSERS = "»”’)]}›"
_TERMINAL = ".!?…。！？؟।"
_THROUGH = " \t\n\u00a0\u202f" + EMOJI + _OPENERS + _CLOSERS
"""Characters that neither end a sentence nor begin its text."""
_BEFORE_NEXT = " \t\n\u00a0\u202f" + EMOJI + _OPENERS


class Directions:
    """Drops stage directions and the marks of emphasis."""

    def __init__(self, language: str) -> None:
        self._english = language.lower().startswith("en")
        self._tail = ""  # the last two characters passed that are not _THROUGH; a BREAK stands for a new block
        self._text = ""
        self._at = 0
        self._holding = False

    def feed(self, piece: str) -> str:
        """The text that is certain to be read."""
        self._text += piece
        return self._run(final=False)

    def finish(self) -> str:
        """The rest: what was never closed is read; a closed piece with nothing after it is a stage direction."""
        return self._run(final=True)

    def _run(self, *, final: bool) -> str:
        out: list[str] = []
        while self._at < len(self._text):
            if not self._holding:
                self._step(out)
            elif not self._step_held(out, final=final):
                break
        self._text, self._at = self._text[self._at :], 0
        if final:
            self._holding = False
        return "".join(out)

    def _step(self, out: list[str]) -> None:
        opened = self._text.find(EM_OPEN, self._at)
        self._pass(opened if opened >= 0 else len(self._text), out)
        if opened >= 0:
            self._at += 1
            self._holding = self._at_start()

    def _step_held(self, out: list[str], *, final: bool) -> bool:
        """Decide about the piece that is held; False: it cannot be decided yet."""
        start, limit = self._at, self._at + HOLD_LIMIT
        close = self._text.find(EM_CLOSE, start, limit)
        broken = self._text.find(BREAK, start, close if close >= 0 else limit)
        if broken >= 0:
            self._release(broken, out)
            return True
        if close < 0:
            if len(self._text) < limit and not final:
                return False
            self._release(min(limit, len(self._text)), out)
            return True
        verdict = self._verdict(close, final=final)
        if verdict is None:
            return False
        if verdict:
            self._at = close + 1
            self._holding = False
        else:
            self._release(close, out)
        return True

    def _release(self, end: int, out: list[str]) -> None:
        self._pass(end, out)
        self._holding = False

    def _pass(self, end: int, out: list[str]) -> None:
        text = self._text[self._at : end].replace(EM_OPEN, "").replace(EM_CLOSE, "")
        self._at = end
        out.append(text)
        solid = SILENCE.sub(" ", text).rstrip(_THROUGH)
        if solid:
            before = solid[:-1].rstrip(_THROUGH)
            self._tail = (before[-1] if before else self._tail[-1:]) + solid[-1]

    def _at_start(self) -> bool:
        last = self._tail[-1:]
        return not last or last == BREAK or last in _TERMINAL

    def _finished(self) -> bool:
        """Whether a sentence ended just before, and did not merely trail off."""
        return self._tail[-1:] not in ("", BREAK, "…") and self._tail != ".."

    def _verdict(self, close: int, *, final: bool) -> bool | None:
        """Whether the held piece is a stage direction; None: the next characters will tell."""
        after = SILENCE.sub(" ", self._text[close + 1 : close + HOLD_LIMIT])
        following = after.lstrip(_BEFORE_NEXT)
        if not following:
            return True if final or len(after) == HOLD_LIMIT - 1 else None
        first = next((c for c in self._text[self._at : close] if c.isalpha()), "")
        if self._english and following[0] == "I" and first.isupper():
            if len(following) == 1 and not final and len(after) < HOLD_LIMIT - 1:
                return None
            if following[1:2] in (" ", "'", "’"):
                return False  # "*Sometimes* I wonder": the pronoun's capital begins no sentence
        return is_direction(first, following[0], spaced=after[0] != following[0], finished=self._finished())


def is_direction(first: str, following: str, *, spaced: bool, finished: bool) -> bool:
    """Whether a piece where a sentence could begin is a stage direction.

    first: the piece's first letter. following: the first character after it, space, quotes and emoji apart. spaced:
    something stands between the two. finished: a finished sentence stands before it (not the text's or block's start).
    """
    if following in (BREAK, EM_OPEN) or following in _TERMINAL or following in _CLOSERS or following.isupper():
        return True
    if following.islower():
        return finished and first.islower()
    if following.isdigit():
        return spaced and not first.isupper()
    return spaced and following.isalpha()
