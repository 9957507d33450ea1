"""Last stage: words and punctuation put together, with every space, pause and sentence end in its place."""

_TERMINAL = ".!?…。！？؟।"
_STOPS = _TERMINAL + ",;:，；："


class Joiner:
    """Collects what is spoken.

    A space is given out with the word after it, as soon as it is certain that one comes; after punctuation at once,
    since an engine knows by the white space that a clause has ended, and begins to speak it.
    """

    def __init__(self, *, spaced_marks: bool) -> None:
        """spaced_marks: whether a space before ! ? : ; is kept, as French writes it."""
        self._loose = "!?:;" if spaced_marks else ""
        self._out: list[str] = []
        self._last = ""  # the last character that is no space
        self._dots = 0
        self._space = self._pause = self._spaced = False
        self._openers = ""
        self._open = 0

    def drain(self) -> str:
        """What was collected since the last call."""
        result = "".join(self._out)
        self._out.clear()
        return result

    def lead(self) -> None:
        """A word is certain to come: give out what stands between it and the one before."""
        if self._pause and self._last and self._last not in _STOPS:
            self._emit(",")
        if (self._space or self._pause) and self._last and not self._spaced:
            self._out.append(" ")
        self._spaced = self._spaced or self._space or self._pause
        self._space = self._pause = False
        if self._openers:
            self._open += len(self._openers.replace(" ", ""))
            self._emit(self._openers)
            self._openers = ""

    def word(self, text: str) -> None:
        """Something spoken."""
        if text:
            self.lead()
            self._emit(text)

    def space(self) -> None:
        """What comes next does not belong to the word before."""
        if self._openers[-1:] == "«":
            self._openers += " "
        elif not self._openers:
            self._space = True
            if self._last and self._last in _STOPS and not self._spaced:
                self._out.append(" ")
                self._spaced = True

    def pause(self) -> None:
        """A short pause, if a word follows in the same sentence."""
        self._pause = True

    def silence(self, mark: str) -> None:
        """A pause by its mark, given out at once; punctuation and brackets after it end nothing that came before."""
        if self._last and not self._spaced:
            self._out.append(" ")
        self._out.append(f"{mark} ")
        self._last = self._openers = ""
        self._open = self._dots = 0
        self._space = self._pause = False
        self._spaced = True

    def stop(self, char: str) -> None:
        """A punctuation mark: kept where it ends something, and not twice."""
        if not self._may_stop(char):
            self._space = True
            return
        if self._space and char in self._loose and not self._spaced:
            self._out.append(" ")
        self._openers = ""
        self._dots = self._dots + 1 if char == "." else 0
        self._space = self._pause = False
        self._emit(char)

    def _may_stop(self, char: str) -> bool:
        if not self._last or self._last in ",;:，；：":
            return False
        if self._last not in _TERMINAL:
            return True
        if self._space or self._spaced:
            return False
        return self._dots < 3 if char == self._last == "." else {char, self._last} == {"!", "?"}

    def opener(self, char: str) -> None:
        """An opening bracket or quotation mark: kept if a word follows."""
        self._openers = (self._openers + char)[-4:].lstrip()

    def closer(self, char: str) -> None:
        """A closing bracket or quotation mark: kept if it closes something that is spoken."""
        if self._openers:
            self._openers = self._openers.rstrip(" ")[:-1]
        elif self._open:
            self._open -= 1
            if self._space and char == "»" and not self._spaced:
                self._out.append(" ")
            self._space = False
            self._emit(char)

    def end(self) -> None:
        """The sentence ends here, whether its punctuation says so or not."""
        self._openers = ""
        self._open = 0
        self._pause = False
        if self._last and self._last not in _STOPS:
            self._emit(".")
            self._dots = 1
        self._space = True

    def _emit(self, text: str) -> None:
        self._out.append(text)
        self._last = text.rstrip(" ")[-1]
        self._spaced = False
        if self._last != ".":
            self._dots = 0
