"""How soon words are released: after which character, and how much is ever held back."""

import pytest

from timbre_bridge.text import Cleaner

RELEASES: list[tuple[str, str, list[tuple[str, str]]]] = [
    (
        "a plain word: with the character after it",
        "Bonjour à tous. Oui",
        [("Bonjour ", "Bonjour"), ("à", " "), (" ", "à"), ("to", " "), ("us.", "tous"), (" ", "."), ("Oui", " ")],
    ),
    (
        "an emphasis inside a sentence: at once",
        "C'est *très* bon ",
        [("C'est ", "C'est"), ("*tr", " "), ("ès* ", "très"), ("bo", " "), ("n ", "bon")],
    ),
    ("a stage direction: the word after it", "*sourit* Bonjour ", [("*sourit* Bonjour ", "Bonjour")]),
    (
        "a strong emphasis: at once",
        "Le **chat** dort ",
        [("Le ", "Le"), ("**ch", " "), ("at** ", "chat"), ("d", " "), ("ort ", "dort")],
    ),
    (
        "a number: when what follows can be no unit",
        "J'ai 3 pommes ",
        [("J'ai ", "J'ai"), ("3 ", " "), ("pom", "trois "), ("mes ", "pommes")],
    ),
    (
        "a number with its unit: with the character after it",
        "Il fait 21 °C dehors",
        [
            ("Il ", "Il"),
            ("fa", " "),
            ("it ", "fait"),
            ("21", " "),
            (" °C ", "vingt et un degrés Celsius"),
            ("dehors", " "),
        ],
    ),
    (
        "a link: its label as it comes",
        "ou [le site](http://a.fr) ici ",
        [("ou ", "ou"), ("[le ", "le"), ("si", " "), ("te](http://a.fr) ", "site"), ("i", " "), ("ci ", "ici")],
    ),
    (
        "a pause: at its end",
        "Oui [pause:1s] non ",
        [("Oui ", "Oui"), ("[pause:1s]", "[pause:1s]"), (" n", " "), ("on ", "non")],
    ),
    ("a heading: at its end", "# Titre\nOui ", [("# Titre\n", "Titre."), ("Oui ", "Oui")]),
    (
        "code in a line: as it comes",
        "`make run` ici ",
        [("`make ", "make"), ("ru", " "), ("n` ", "run"), ("i", " "), ("ci ", "ici")],
    ),
]


@pytest.mark.parametrize(("what", "text", "releases"), RELEASES)
def test_release(what: str, text: str, releases: list[tuple[str, str]]) -> None:
    cleaner = Cleaner("fr")
    seen: list[tuple[str, str]] = []
    fed = ""
    for char in text:
        fed += char
        out = cleaner.feed(char)
        if out:
            seen.append((fed, out))
            fed = ""
    assert "".join(piece for piece, _ in seen) in text
    assert condensed(seen) == condensed(releases)


def condensed(releases: list[tuple[str, str]]) -> list[tuple[int, str]]:
    """After how many characters each word is out; spaces, which come when a word begins, are not counted."""
    result: list[tuple[int, str]] = []
    count = 0
    for piece, out in releases:
        count += len(piece)
        if out.strip():
            result.append((count, out.strip()))
    return result


def test_white_space_after_punctuation_does_not_wait_for_a_word() -> None:
    """An engine speaks a clause once it sees the white space after it."""
    cleaner = Cleaner("fr")
    assert "".join(cleaner.feed(piece) for piece in ("Bonjour à to", "us. ")) == "Bonjour à tous. "


TAIL = " et puis une phrase toute simple qui suit. " * 60


OPENINGS = [
    "*", "**", "*sourit", "`", "``", "[", "[a](", "[a](b (", '[a](b "', "![", "<", "<a", "<a href='", "&", "~~", "_",
    "«", "(", "1", "1 2 3", "$", "http://", "www.", "p.", "n", "|", "\\", "[^", "[x][", ":-", "12/", "#", "-", "1.",
    "> ", "*a* ", "[pause:",
]  # fmt: skip


@pytest.mark.parametrize("opening", OPENINGS)
def test_an_unclosed_mark_holds_back_a_bounded_text(opening: str) -> None:
    """However an utterance begins, words are out before the 1,100th character, and all of the tail's at the end."""
    cleaner = Cleaner("fr")
    early = "".join(cleaner.feed(char) for char in (opening + TAIL)[:1100])
    rest = "".join(cleaner.feed(char) for char in (opening + TAIL)[1100:]) + cleaner.finish()
    assert "phrase" in early
    assert (early + rest).count("phrase toute simple") >= 59


@pytest.mark.parametrize("opening", ["```\n", "~~~\n", "<!--", "<script>", "<think>"])
def test_what_is_never_read_stays_unread_when_it_is_not_closed(opening: str) -> None:
    cleaner = Cleaner("fr")
    assert cleaner.feed("Bonjour.\n\n" + opening + TAIL) + cleaner.finish() == "Bonjour. "
