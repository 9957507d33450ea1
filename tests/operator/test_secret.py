"""The administration's tokens: made once, renewed at their time, two valid."""

import base64
from datetime import UTC, datetime, timedelta

import pytest

from support.speech_engine import speech_engine
from timbre_operator.kube import Object
from timbre_operator.manifests import secret
from timbre_operator.manifests.secret import Tokens

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def make() -> str:
    return "fresh"


@pytest.mark.parametrize(
    ("there", "values", "since"),
    [
        (None, ("fresh",), NOW),
        (Tokens(("a",), NOW - timedelta(days=29)), ("a",), NOW - timedelta(days=29)),
        (Tokens(("a",), NOW - timedelta(days=30)), ("fresh", "a"), NOW),
        (Tokens(("b", "a"), NOW - timedelta(days=31)), ("fresh", "b"), NOW),
        (Tokens(("b", "a"), NOW + timedelta(days=1)), ("b", "a"), NOW + timedelta(days=1)),
    ],
)
def test_when_a_new_token_comes(there: Tokens | None, values: tuple[str, ...], since: datetime) -> None:
    assert secret.due(there, NOW, 30, make) == Tokens(values, since)


def test_what_is_written_is_read_again() -> None:
    tokens = Tokens(("new", "old"), NOW)
    written = secret.secret(speech_engine(), tokens)
    assert base64.b64decode(written["data"]["tokens"]) == b"new\nold\n"
    assert secret.read(written) == tokens
    assert secret.due(secret.read(written), NOW, 30) == tokens, "so that a second pass changes nothing"


def _with(data: dict[str, str], rotated: str | None) -> Object:
    annotations = {} if rotated is None else {"timbre.dev/rotated": rotated}
    return {"metadata": {"annotations": annotations}, "data": data}


TOKENS = {"tokens": base64.b64encode(b"a\n").decode()}
MOMENT = "2026-11-28T12:00:00+00:00"


@pytest.mark.parametrize(
    "live",
    [
        None,
        _with({}, MOMENT),
        _with({"tokens": ""}, MOMENT),
        _with({"tokens": "not base64!"}, MOMENT),
        _with({"tokens": base64.b64encode("é".encode()).decode()}, MOMENT),
        _with(TOKENS, None),
        _with(TOKENS, "yesterday"),
        _with(TOKENS, "2026-11-28T12:00:00"),
        {"metadata": {}},
    ],
)
def test_a_secret_that_is_spoilt_is_made_anew(live: Object | None) -> None:
    assert secret.read(live) is None


def test_tokens_are_long_and_never_twice_the_same() -> None:
    made = {secret.new_token() for _ in range(100)}
    assert len(made) == 100 and min(map(len, made)) >= 43
