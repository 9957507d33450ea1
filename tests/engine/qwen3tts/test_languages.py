"""Tags, the model's own names, and dialects."""

import pytest

from timbre_common.errors import InvalidInput
from timbre_engine.qwen3tts import languages

KNOWN = {"french": 2061, "chinese": 2055, "sichuan_dialect": 2062}
DIALECTS = {"eric": "sichuan_dialect"}


@pytest.mark.parametrize(
    ("tag", "name"), [("fr", "french"), ("fr-CA", "french"), ("FR", "french"), ("zh-Hans", "chinese")]
)
def test_a_tag_is_a_language_of_the_model(tag: str, name: str) -> None:
    assert languages.resolve(tag, KNOWN) == name


@pytest.mark.parametrize("tag", ["en", "xx", "", "french"])
def test_other_tags_are_refused_with_what_is_spoken(tag: str) -> None:
    with pytest.raises(InvalidInput, match="fr, zh") as refused:
        languages.resolve(tag, KNOWN)
    assert refused.value.field == "language"


@pytest.mark.parametrize(
    ("name", "speaker", "token"),
    [
        ("french", None, 2061),
        (None, None, None),
        ("chinese", "eric", 2062),
        (None, "eric", 2062),
        ("french", "eric", 2061),
        (None, "vivian", None),
    ],
)
def test_a_dialect_takes_the_place_of_chinese_and_of_none(
    name: str | None, speaker: str | None, token: int | None
) -> None:
    assert languages.token(name, speaker, KNOWN, DIALECTS) == token
