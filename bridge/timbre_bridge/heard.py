"""What a listener has heard of an utterance when it is cut short."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of the text and when it is said, ms of the utterance's clock. The pieces together are the text."""

    text: str
    start_ms: int
    end_ms: int
    estimated: bool


def heard_text(marks: Sequence[Mark], heard_ms: int) -> str:
    """The words whose sound had begun before `heard_ms`, less a last one of which under half was heard."""
    heard = [mark for mark in marks if mark.start_ms < heard_ms]
    if heard and heard_ms < (heard[-1].start_ms + heard[-1].end_ms) / 2:
        heard.pop()
    return "".join(mark.text for mark in heard).strip()
