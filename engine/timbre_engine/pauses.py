"""A text's pauses apart from what is spoken, as the text comes. Pure."""

from dataclasses import dataclass

from timbre_common import pauses


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence, in seconds; `text` is its mark-up, with what nobody spoke before it."""

    seconds: float
    text: str


class PauseFeed:
    """Any cutting of the text gives the same pauses at the same places."""

    def __init__(self) -> None:
        self._held = ""
        """What may be the beginning of a pause's mark-up."""

    def feed(self, text: str) -> list[str | Pause]:
        """The text and the pauses that are certain by now, in order; no text is empty."""
        text = self._held + text
        begun = pauses.BEGUN.search(text)
        end = len(text) if begun is None else begun.start()
        self._held = text[end:]
        parts: list[str | Pause] = []
        at = 0
        for mark in pauses.MARK.finditer(text, 0, end):
            parts += [text[at : mark.start()], Pause(pauses.seconds(mark), mark[0])]
            at = mark.end()
        return [part for part in (*parts, text[at:end]) if part]

    def flush(self) -> str:
        """The rest, which is text."""
        rest, self._held = self._held, ""
        return rest
