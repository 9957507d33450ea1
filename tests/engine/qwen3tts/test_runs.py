"""Text as the talker takes it: words, runs of bounded length, pauses; any cutting gives the same."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbre_engine.pauses import Pause
from timbre_engine.qwen3tts.runs import CLAUSE_CHARS, SENTENCE_CHARS, WORD_CHARS, Piece, RunEnd, RunFeed, Word
from timbre_engine.qwen3tts.words import WordFeed


def pieces(*texts: str) -> tuple[list[Piece], str]:
    """Pieces of a text that comes in parts, and what was left over."""
    feed = RunFeed()
    found = [piece for text in texts for piece in feed.feed(text)]
    return found + feed.end(), feed.leftover


def said(found: list[Piece]) -> list[str]:
    """The text of each run."""
    runs = [""]
    for piece in found:
        if isinstance(piece, Word):
            runs[-1] += piece.text
        elif isinstance(piece, RunEnd):
            runs.append("")
    return runs[:-1]


@pytest.mark.parametrize(
    ("text", "expected", "left"),
    [
        ("Bonjour à tous.", ["Bonjour", " à", " tous."], ""),
        ("  Bonjour   toi  ", ["  Bonjour", "   toi"], "  "),
        ("« Oui » !", ["« Oui", " »", " !"], ""),
        ("… —", [], "… —"),
        ("", [], ""),
        ("un\ndeux", ["un\ndeux"], ""),
    ],
)
def test_words(text: str, expected: list[str], left: str) -> None:
    found, leftover = pieces(text)
    assert [piece.text for piece in found if isinstance(piece, Word)] == expected
    assert leftover == left
    assert isinstance(found[-1], RunEnd) if expected else not found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 60, ["a" * 40, "a" * 20]),
        ("一" * 30 + "，在" + "二" * 30 + "。", ["一" * 30 + "，在" + "二" * 8, "二" * 22 + "。"]),
        ("一" * 30 + "，又" + "二" * 30 + "。", ["一" * 30 + "，", "又" + "二" * 30 + "。"]),
        ("https://example.org/" + "path" * 8 + "==more", ["https://example.org", "/" + "path" * 8 + "==more"]),
        ("x" * 38 + "==" + "y" * 9, ["x" * 38, "==" + "y" * 9]),
        ("x" * 39 + "2026", ["x" * 39 + "2", "026"]),
    ],
)
def test_long_words_are_cut_where_tokens_end(text: str, expected: list[str]) -> None:
    found, _ = pieces(text)
    assert [piece.text for piece in found if isinstance(piece, Word)] == expected


def test_a_pause_stands_between_two_runs() -> None:
    found, left = pieces("Un. [pause:0.5s] Deux. [pause:99s]!")
    assert said(found) == ["Un.", " Deux."]
    assert [piece for piece in found if isinstance(piece, Pause)] == [
        Pause(0.5, " [pause:0.5s]"),
        Pause(10.0, " [pause:99s]"),
    ]
    assert left == "!"


@pytest.mark.parametrize("text", ["[pause]", "[pause:s]", "[pause:0,5s]", "[pause:0.5s", "a [pause:5m] b", "[[1]"])
def test_what_is_no_pause_is_text(text: str) -> None:
    found, left = pieces(f"x {text}")
    assert not any(isinstance(piece, Pause) for piece in found)
    assert "".join(said(found)) + left == f"x {text}"


@pytest.mark.parametrize(
    ("sentence", "longest"),
    [
        ("Une phrase qui finit bien. ", SENTENCE_CHARS + 30),
        ("des mots et des mots, ", CLAUSE_CHARS + 30),
        ("mot ", WORD_CHARS + 8),
        ("没有空格的句子。", SENTENCE_CHARS // 3 + 40),
        ("没有标点", WORD_CHARS // 3 + 40),
    ],
)
def test_long_text_is_cut_where_it_breathes(sentence: str, longest: int) -> None:
    text = sentence * (1500 // len(sentence))
    found, left = pieces(text)
    runs = said(found)
    assert "".join(runs) + left == text
    assert len(runs) > 2
    assert all(len(run) <= longest for run in runs)


def test_with_fewer_positions_runs_are_shorter() -> None:
    feed = RunFeed(positions=128)
    found = [*feed.feed("Une phrase qui finit bien. " * 20), *feed.end()]
    assert max(map(len, said(found))) <= SENTENCE_CHARS // 4 + 30


texts = st.text(alphabet=st.sampled_from("aé .,!?…[]pause:0.5s\n\u0301 "), max_size=60)


@given(text=texts, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_cutting_gives_the_same_pieces_and_loses_nothing(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [text[start:end] for start, end in itertools.pairwise(edges)]
    whole, left = pieces(text)
    assert pieces(*parts) == (whole, left)
    assert "".join(piece.text for piece in whole if isinstance(piece, Word | Pause)) + left == text


@given(text=texts, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_any_cutting_gives_the_same_words(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    feed, whole = WordFeed(), WordFeed()
    found = [word for start, end in itertools.pairwise(edges) for word in feed.feed(text[start:end])]
    assert found + feed.flush() == whole.feed(text) + whole.flush()
