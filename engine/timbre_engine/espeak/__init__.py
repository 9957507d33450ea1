"""The demonstration backend: espeak-ng, which needs no weights and speaks within milliseconds.

espeak-ng is one global state and GPL-3.0, so it runs in processes of its own, one a slot, spoken to over pipes:

    backend -> process (one a slot) == messages == worker -> library (ctypes)

Pure cores: `cutter` (text into clauses), `words` (word events into marks), `prosody` and `languages` (names and numbers
as espeak has them).
"""
