"""espeak-ng's word events into marks whose texts are exactly the text spoken."""

from timbre_engine.espeak.messages import Word


class WordMarks:
    """Turns the words of one utterance, piece by piece, into contiguous marks.

    A mark's text runs from its word's start to the next word's start, so white space and punctuation belong to the
    word before them; what comes before the first word belongs to it. Positions are samples of the utterance at `rate`.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._piece = ""
        self._from = 0
        """Where the text that no mark holds yet begins in the piece."""
        self._held = ""
        """Text of pieces without a word, waiting for the next mark."""
        self._in_word = False
        self._end_ms = 0
        self.any = False
        """Whether there was a word or a pause."""

    def piece(self, text: str) -> None:
        """A piece begins."""
        self._piece, self._from, self._in_word = text, 0, False

    def word(self, index: int, sample: int) -> Word | None:
        """A word begins at `index` of the piece; the mark of the word before it, where there is one.

        espeak-ng reports several words for what is written as one ("1234", "12.5"): they stay one mark.
        """
        if not self._in_word:
            self._in_word = self.any = True
            return None
        if not (self._from < index < len(self._piece)) or not _begins(self._piece, index):
            return None
        if not self._piece[self._from : index].strip():
            return None
        return self._mark(index, sample)

    def piece_end(self, sample: int) -> Word | None:
        """The piece was spoken up to `sample`; the mark of its last word, where it had one."""
        if not self._in_word:
            self._held += self._piece
            return None
        self._in_word = False
        return self._mark(len(self._piece), sample)

    def pause(self, text: str, sample: int) -> Word:
        """A pause lasts until `sample`; its mark, which holds its mark-up and text without a word before it."""
        self.any = True
        return self._timed(self._held + text, sample)

    def end(self, sample: int) -> Word | None:
        """The utterance is over at `sample`; the mark of text that came after the last one, where there was some."""
        if not (self.any and self._held):
            return None
        return self._timed(self._held, sample)

    def _mark(self, index: int, sample: int) -> Word:
        text = self._held + self._piece[self._from : index]
        self._from = index
        return self._timed(text, sample)

    def _timed(self, text: str, sample: int) -> Word:
        start, self._end_ms = self._end_ms, max(self._end_ms, sample * 1000 // self._rate)
        self._held = ""
        return Word(text, start, self._end_ms)


def _begins(piece: str, index: int) -> bool:
    return piece[index - 1].isspace() and not piece[index].isspace()
