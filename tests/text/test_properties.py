"""What holds for every text: any cutting gives the same words, no markup is read, no text is too much."""

import re
import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from timbre_bridge.text import Cleaner, clean
from timbre_common import pauses

LANGUAGES = st.sampled_from(["fr", "fr-FR", "en", "en-GB", "de", "zh", "xx"])
LEXICON = {"Lisa": "Liza", "C++": "cé plus plus", "New York": "nou york", "chut": ""}
LEXICONS = st.sampled_from([None, LEXICON])

MARKUP = """
* ** *** _ ` `` ``` ~ ~~ ~~~ # ## > - + 1. 2) | || --- *** === [ ] ]( ][ ( ) ![ [^1] ]: [x](y) \\ \\* < <b> </b> <br>
<!-- --> <think> </think> <script> & &amp; &#42; &eacute; http:// https://exemple.fr/a?b=1 www. www.a.fr/x_(y). mailto:
a.b@c.fr [pause: [pause:0.5s] [pause:99s] [pause:5m]
"""
SPEECH = """
Bonjour sourit très Je I M. Mme p. ex. p. etc. etc n° e.g. p.m. am API SNCF XIV Louis Ier LoRA Lisa New York C++ chut
l' ' ’ - – — . , ; : ? ! … ... « » “ ” = + / @ # % € $ £ ° °C → 1 3 12 007 1/2 12,50 3.14 1,000 14h30 14:30 h min km
km/h M€ k v1.2.3 12/03/2026 2026-11-23 T 06 2:30 pm 21st x :-) ;) <3 xD ^^ 5*3
"""
BLANKS = [" ", "  ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u202f"]
EMOJI = ["😀", "👨\u200d👩\u200d👧", "1️⃣", "*️⃣", "🇫🇷", "👍🏽", "\u200d", "\ufe0f", "\u20e3", "❤️"]
OTHERS = ["é", "e\u0301", "\u0301", "中文", "。", "ال", "\ud800", "\x00", "\ue001", "²", "\u0664", "\u212a"]

WRITTEN = st.lists(st.sampled_from(MARKUP.split() + SPEECH.split() * 2 + BLANKS * 8 + EMOJI + OTHERS), max_size=24).map(
    "".join
)
LONG = st.tuples(st.sampled_from(MARKUP.split() + SPEECH.split() + EMOJI), st.integers(2, 1500), WRITTEN).map(
    lambda parts: parts[0] * min(parts[1], 4000 // len(parts[0])) + parts[2]
)
ANY = st.text(st.characters(exclude_categories=()), max_size=60)
TEXTS = st.one_of(WRITTEN, WRITTEN, LONG, ANY)


def spoken(pieces: list[str], language: str, lexicon: dict[str, str] | None = None) -> str:
    cleaner = Cleaner(language, lexicon)
    return "".join([cleaner.feed(piece) for piece in pieces]) + cleaner.finish()


def without_pauses(result: str) -> str:
    """A pause's mark has white space after it, whatever was written."""
    return re.sub(f"{pauses.MARK.pattern} ", "", result)


@settings(max_examples=600)
@given(data=st.data(), text=TEXTS, language=LANGUAGES, lexicon=LEXICONS)
def test_any_cutting_gives_the_same_text(
    data: st.DataObject, text: str, language: str, lexicon: dict[str, str] | None
) -> None:
    whole = clean(text, language, lexicon)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert spoken(pieces, language, lexicon) == whole
    assert spoken(list(text), language, lexicon) == whole


@settings(max_examples=600)
@given(text=TEXTS, language=LANGUAGES)
def test_no_markup_and_no_emoji_is_left(text: str, language: str) -> None:
    result = without_pauses(clean(text, language))
    assert not set(result) & set("*`#|_~\\<>[]{}\n\t\r\u200d\ufe0f\u20e3")
    assert "  " not in result
    assert not result.startswith(" ")
    assert all(unicodedata.category(char) not in ("Cc", "Cs", "Co") for char in result)
    assert unicodedata.is_normalized("NFC", result)


@settings(max_examples=300)
@given(text=TEXTS, language=st.sampled_from(["fr", "en", "en-GB"]))
def test_no_digit_is_left_to_the_engine(text: str, language: str) -> None:
    assert not set(without_pauses(clean(text, language))) & set("0123456789")


WORDS = st.sampled_from(["bonjour", "je", "suis", "là", "avec", "vous", "ce", "matin"])


@given(words=st.lists(WORDS, min_size=1, max_size=20))
def test_plain_words_pass_unchanged(words: list[str]) -> None:
    text = " ".join(words)
    assert clean(text, "fr") == text


@given(text=WRITTEN)
def test_what_is_out_is_never_taken_back(text: str) -> None:
    cleaner = Cleaner("fr")
    so_far = ""
    for index, char in enumerate(text):
        so_far += cleaner.feed(char)
        assert clean(text, "fr").startswith(so_far), text[: index + 1]
