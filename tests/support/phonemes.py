"""Which phonemes a French text is spoken with, by espeak-ng."""

import ctypes
import re
from collections import Counter
from collections.abc import Iterable

from timbre_engine.espeak import library

_UTF8 = 1
_IPA = 0x02
_SEPARATED = ord("_") << 8
_STRESS = "ˈˌ-"

FRENCH = (*"pbtdkɡfvszʃʒmnɲʁljwɥ", *"ieɛaoɔuyøœə", "ɛ̃", "ɑ̃", "ɔ̃", "œ̃")
"""Those of French as espeak-ng writes them; without ɑ, which it speaks as a."""


def count(texts: Iterable[str]) -> Counter[str]:
    """How often each phoneme is said. Symbols that are not in FRENCH are counted too."""
    counted: Counter[str] = Counter()
    with library.loaded() as espeak:
        espeak.select("roa/fr", 170, 50)
        speak = espeak._lib.espeak_TextToPhonemes
        speak.restype = ctypes.c_char_p
        for text in texts:
            rest = ctypes.c_char_p(text.encode())
            while rest.value is not None:
                said = speak(ctypes.byref(rest), _UTF8, _IPA | _SEPARATED)
                counted.update(symbol for word in said.decode().split() for symbol in _symbols(word))
    return counted


def _symbols(word: str) -> list[str]:
    symbols = [symbol for part in word.split("_") if (symbol := part.strip(_STRESS).rstrip("ː"))]
    # espeak-ng writes the glide of `nuit` as y.
    following = [*symbols[1:], ""]
    return [
        "ɥ" if one == "y" and re.match("[ieɛaoɔøœ]", two) else one for one, two in zip(symbols, following, strict=True)
    ]
