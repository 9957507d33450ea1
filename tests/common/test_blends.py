import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbre_common import blends
from timbre_common.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lisa(0.7)+renarde(0.3)", [("lisa", 0.7), ("renarde", 0.3)]),
        ("lisa(2)", [("lisa", 2.0)]),
        ("a(4)+b(0.000001)+c-d_e(1.5)+2(3)", [("a", 4.0), ("b", 1e-6), ("c-d_e", 1.5), ("2", 3.0)]),
    ],
)
def test_blends(text: str, expected: list[tuple[str, float]]) -> None:
    assert blends.is_blend(text)
    assert list(blends.parse(text, "voice")) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("lisa+renarde", "weights are right"),
        ("lisa(0.7) + renarde(0.3)", "weights are right"),
        ("lisa(0.7)+", "weights are right"),
        ("lisa(0.7)renarde(0.3)", "weights are right"),
        ("lisa(-1)", "weights are right"),
        ("lisa(nan)", "weights are right"),
        ("lisa(1e3)", "weights are right"),
        ("lisa(.5)", "weights are right"),
        ("lisa(0.7)\n", "weights are right"),
        ("Lisa(0.7)", "weights are right"),
        ("a(1)+b(1)+c(1)+d(1)+e(1)", "1 to 4 voices"),
        ("lisa(0)", "above 0"),
        ("lisa(0.5)+renarde(4.1)", "up to 4 is right, not 4.1"),
        ("lisa(1)+lisa(2)", "each voice once"),
    ],
)
def test_what_is_none_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        blends.parse(text, "voice")
    assert refused.value.field == "voice"


@given(st.from_regex(r"\A[a-z0-9]([-a-z0-9_]{0,61}[a-z0-9])?\Z"))
def test_no_voice_is_taken_for_a_blend_and_each_can_be_in_one(name: str) -> None:
    assert not blends.is_blend(name)
    assert blends.parse(f"{name}(1)", "voice") == ((name, 1.0),)
