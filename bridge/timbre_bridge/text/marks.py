"""The marks that the stages pass to each other inside the text.

They are private-use characters; `characters` removes every such character from what comes in, so none can be forged.
"""

import re

EMOJI = "\ue000"
"""Here stood an emoji: it keeps words apart, and counts as a character for the emphasis rules."""

BREAK = "\ue001"
"""A paragraph, heading, list item or table row ended: the sentence ends here."""

PAUSE = "\ue002"
"""A table cell ended: a comma, if something follows in the same row."""

EM_OPEN = "\ue003"
"""A single asterisk that opens an emphasis or a stage direction."""

EM_CLOSE = "\ue004"
"""The single asterisk that closes it."""

SILENCES = "\U000f0000"
"""From here on, a character is a pause of as many milliseconds as it is away."""

SILENCE = re.compile(f"[{SILENCES}-\U0010ffff]")


def silence(seconds: float) -> str:
    """The mark of a pause."""
    return chr(ord(SILENCES) + round(seconds * 1000))


def silence_ms(mark: str) -> int:
    """How long the pause of a mark lasts."""
    return ord(mark) - ord(SILENCES)
