"""The marks that the stages pass to each other inside the text.

They are private-use characters; `characters` removes every such character from what comes in, so none can be forged.
"""

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
