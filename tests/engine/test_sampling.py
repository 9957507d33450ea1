"""How a token is drawn, as tables and as laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from timbre_engine.model.manifest import Sampling
from timbre_engine.qwen3tts.sampling import Draw, candidates, penalise, sample

Array = NDArray[np.float32]

LOGITS = arrays.arrays(np.float32, st.integers(2, 40), elements=st.floats(-20, 20, width=32))
SETTINGS = st.builds(
    Sampling,
    temperature=st.floats(0.1, 3),
    top_k=st.integers(0, 50),
    top_p=st.floats(0.01, 1),
    repetition_penalty=st.floats(1, 2),
)
UNIFORM = st.floats(0, 1, exclude_max=True, width=32)


def plain(**settings: float) -> Sampling:
    """Nothing is changed but what is named."""
    return Sampling(**{"temperature": 1, "top_k": 0, **settings})  # type: ignore[arg-type]


def logits(*probabilities: float) -> Array:
    with np.errstate(divide="ignore"):
        return np.log(np.array(probabilities, np.float32))


@pytest.mark.parametrize(
    ("scores", "settings", "tokens"),
    [
        ([1, 3, 2, 0], plain(), [1, 2, 0, 3]),
        ([1, 3, 2, 0], plain(top_k=2), [1, 2]),
        ([1, 3, 2, 0], plain(top_k=9), [1, 2, 0, 3]),
        ([2, 3, 2, 2, 0], plain(top_k=2), [1, 0, 2, 3]),  # what ties with the second stays
        ([1, 1, 1], plain(top_k=1), [0, 1, 2]),
        ([1, -np.inf, 2], plain(), [2, 0]),
        ([1, -np.inf, -np.inf], plain(top_k=2), [0]),
        (logits(0.5, 0.3, 0.2), plain(top_p=0.4), [0]),
        (logits(0.5, 0.3, 0.2), plain(top_p=0.6), [0, 1]),
        (logits(0.5, 0.3, 0.2), plain(top_p=0.9), [0, 1, 2]),
        (logits(0.25, 0.25, 0.25, 0.25), plain(top_p=0.45), [0, 1]),
        (logits(0.4, 0.3, 0.2, 0.1), plain(top_k=2, top_p=0.55), [0]),  # 0.4 of 0.7 is over 0.55: top-k comes first
    ],
)
def test_candidates(scores: list[float], settings: Sampling, tokens: list[int]) -> None:
    found, probabilities = candidates(np.array(scores, np.float32), settings)
    assert found.tolist() == tokens
    assert probabilities.sum() == pytest.approx(1)


def test_temperature_comes_before_top_p() -> None:
    scores = logits(0.6, 0.4)
    assert len(candidates(scores, plain(top_p=0.59))[0]) == 1
    assert len(candidates(scores, plain(top_p=0.59, temperature=2))[0]) == 2


@pytest.mark.parametrize(
    ("history", "expected"),
    [([], [2, -2, 0]), ([0], [1, -2, 0]), ([1], [2, -4, 0]), ([0, 0, 1, 2], [1, -4, 0])],
)
def test_penalty(history: list[int], expected: list[float]) -> None:
    scores = np.array([2, -2, 0], np.float32)
    assert penalise(scores, history, 2).tolist() == expected
    assert scores.tolist() == [2, -2, 0]


@pytest.mark.parametrize(
    ("uniform", "token"), [(0.0, 1), (0.49, 1), (0.51, 2), (0.79, 2), (0.81, 0), (float(np.nextafter(1, 0)), 0)]
)
def test_the_number_picks_by_probability(uniform: float, token: int) -> None:
    assert sample(logits(0.2, 0.5, 0.3), plain(), uniform=uniform) == token


def test_greedy_takes_the_first_best_after_penalty_and_mask() -> None:
    scores = np.array([5, 9, 7, 7], np.float32)
    greedy = Sampling(temperature=0, repetition_penalty=2)
    assert sample(scores, greedy, uniform=0.9) == 1
    assert sample(scores, greedy, history=[1], uniform=0.9) == 2
    assert sample(scores, greedy, history=[1], allowed=np.array([True, True, False, False]), uniform=0.9) == 0


def test_frequencies_are_the_probabilities() -> None:
    scores = logits(0.1, 0.6, 0.3)
    draws = np.random.default_rng(1).random(20_000)
    counts = np.bincount([sample(scores, plain(), uniform=each) for each in draws]) / len(draws)
    assert counts == pytest.approx([0.1, 0.6, 0.3], abs=0.015)


@given(LOGITS, SETTINGS, UNIFORM, st.data())
def test_what_is_drawn_is_allowed_and_a_candidate(
    scores: Array, settings: Sampling, uniform: float, data: st.DataObject
) -> None:
    allowed = data.draw(arrays.arrays(np.bool_, len(scores)))
    allowed[data.draw(st.integers(0, len(scores) - 1))] = True
    history = data.draw(st.lists(st.integers(0, len(scores) - 1)))
    token = sample(scores, settings, history=history, allowed=allowed, uniform=uniform)
    masked = np.where(allowed, penalise(scores, history, settings.repetition_penalty), -np.inf).astype(np.float32)
    assert allowed[token] and token in candidates(masked, settings)[0]


@given(LOGITS, SETTINGS)
def test_top_k_and_top_p_keep_what_they_promise(scores: Array, settings: Sampling) -> None:
    by_k, weights = candidates(scores, plain(temperature=settings.temperature, top_k=settings.top_k))
    if settings.top_k:
        assert len(by_k) >= min(settings.top_k, len(scores))
        assert scores[by_k].min() == np.sort(scores)[::-1][: settings.top_k].min()
    both, _ = candidates(scores, settings)
    assert both.tolist() == by_k[: len(both)].tolist()
    assert weights[: len(both)].sum() >= settings.top_p - 1e-9 or len(both) == len(by_k)
    assert len(both) == 1 or weights[: len(both) - 1].sum() < settings.top_p + 1e-9


@given(LOGITS, st.floats(-5, 5, width=16), UNIFORM)
def test_a_shift_of_all_logits_changes_no_greedy_choice(scores: Array, shift: float, uniform: float) -> None:
    greedy = Sampling(temperature=0)
    token = sample(scores, greedy, uniform=uniform)
    assert (scores + np.float32(shift))[token] == (scores + np.float32(shift)).max()


def test_a_stream_s_numbers_follow_from_its_seed() -> None:
    one, same, other = (Draw(Sampling(), np.random.default_rng(seed)) for seed in (4, 4, 5))
    numbers = np.concatenate([one.uniform(15), one.uniform(15)])
    assert numbers.dtype == np.float32 and numbers.max() < 1
    assert np.concatenate([same.uniform(15), same.uniform(15)]).tolist() == numbers.tolist()
    assert other.uniform(15).tolist() != numbers[:15].tolist()


def test_greedy_uses_no_numbers_up() -> None:
    random = np.random.default_rng(4)
    assert not Draw(Sampling(temperature=0), random).uniform(15).any()
    assert random.random() == np.random.default_rng(4).random()
