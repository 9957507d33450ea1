import pytest

from timbre_common.errors import InvalidInput
from timbre_common.voiceprofile import Prosody
from timbre_engine.espeak import languages, prosody

KNOWN = {"fr": "roa/fr", "fr-be": "roa/fr-BE", "en": "gmw/en", "en-us": "gmw/en-US", "zh": "sit/cmn"}


@pytest.mark.parametrize(
    ("tag", "voice"),
    [
        ("fr", "roa/fr"),
        ("fr-FR", "roa/fr"),
        ("fr-BE", "roa/fr-BE"),
        ("en_US", "gmw/en-US"),
        ("en-AU", "gmw/en"),
        ("zh-Hans-CN", "sit/cmn"),
    ],
)
def test_languages(tag: str, voice: str) -> None:
    assert languages.resolve(tag, KNOWN) == voice


@pytest.mark.parametrize("tag", ["", "xx", "f", "french", "xx-fr"])
def test_an_unknown_language_names_its_field(tag: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        languages.resolve(tag, KNOWN)
    assert refused.value.field == "language"


@pytest.mark.parametrize(
    ("given", "speed", "rate", "pitch", "gain"),
    [
        (Prosody(), 1.0, 170, 50, 1.0),
        (Prosody(speed=2.0), 1.0, 305, 50, 1.0),
        (Prosody(speed=0.5), 0.25, 80, 50, 1.0),
        (Prosody(speed=2.0), 4.0, 900, 50, 1.0),
        (Prosody(pitch=12, gain=6), 1.0, 170, 100, 1.995),
        (Prosody(pitch=-12, gain=-6), 1.0, 170, 0, 0.501),
        (Prosody(pitch=-3.1), 1.0, 170, 30, 1.0),
    ],
)
def test_numbers(given: Prosody, speed: float, rate: int, pitch: int, gain: float) -> None:
    made = prosody.numbers(given, speed)
    assert (made.rate, made.pitch) == (rate, pitch)
    assert made.gain == pytest.approx(gain, abs=0.001)


def test_a_voice_keeps_the_variant_that_its_name_gave_it() -> None:
    assert prosody.variant("lisa", Prosody(variant="f2")) == "f2"
    assert prosody.variant("bob", Prosody()) == prosody.variant("bob", Prosody())
    assert len({prosody.variant(f"voice-{number}", Prosody()) for number in range(200)}) == len(prosody.VARIANTS)
