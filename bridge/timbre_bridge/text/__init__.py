"""What an agent wrote becomes what is to be spoken.

Here belongs everything between the text of a message and the text an engine gets: markup, emoji and stage directions
go, numbers, units, dates, symbols and acronyms become words; `[pause:0.5s]` stays, for the engine to make. All of it
is pure: no I/O, no clock, no state beyond one `Cleaner`. What does not belong here: when to send text to an engine,
queues, captions, the choice of a language.

The text runs through five stages, each a transducer that never looks at where a piece ends, only at characters, so that
any cutting of a text gives the same words:

    characters  junk and emoji out                              -> characters
    markup      Markdown and HTML out, blocks become BREAK      -> characters and marks
    directions  *stage directions* out, *emphasis* read         -> characters and marks
    speech      words, numbers, symbols as they are said        -> words and punctuation
    joiner      spaces, pauses and sentence ends in their place -> the text to speak
"""

from timbre_bridge.text.cleaner import Cleaner, clean

__all__ = ["Cleaner", "clean"]
