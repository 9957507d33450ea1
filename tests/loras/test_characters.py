"""The three characters' data: whole, and enough to train a voice of."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from support import phonemes
from timbre_common import decoding, documents, names, voiceprofile
from timbre_common.documents import VoicesDocument
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.hlink import EMOTIONS
from timbre_loras import character
from timbre_loras.character import Breath, Pace

LORAS = Path(__file__).parents[2] / "loras"
CHARACTERS = ("lisa", "electra", "renarde")
EACH_PHONEME = 6


@pytest.mark.parametrize("agent", CHARACTERS)
def test_a_character_is_one_in_all_of_its_files(agent: str) -> None:
    who = character.read_character(LORAS / agent)
    profile = voiceprofile.parse((LORAS / agent / character.PROFILE).read_text())
    training = character.read_training(LORAS / agent)
    assert (who.agent, who.name, who.languages) == (agent, profile.display_name, profile.spec.languages)
    assert profile.spec.prosody.styles.keys() == set(EMOTIONS) - {"neutral"}
    assert (training.rank, training.targets) == (16, ["q_proj", "v_proj"])


@pytest.mark.parametrize("agent", CHARACTERS)
def test_a_script_covers_phonemes_emotions_and_breathing(agent: str) -> None:
    lines = character.read_script(LORAS / agent).lines
    assert 60 <= len(lines) <= 100
    assert all(line.id.startswith(f"{agent}-") for line in lines)
    counted = phonemes.count(line.transcript for line in lines)
    assert {symbol: counted[symbol] for symbol in phonemes.FRENCH if counted[symbol] < EACH_PHONEME} == {}
    emotions = Counter(line.emotion for line in lines)
    assert set(emotions) == set(EMOTIONS) and min(emotions.values()) >= 4
    assert min(Counter(line.pace for line in lines)[pace] for pace in Pace) >= 8
    assert min(Counter(line.breath for line in lines)[breath] for breath in Breath) >= 10
    lengths = [len(line.transcript) for line in lines]
    assert min(lengths) < 25 and max(lengths) > 120
    for ending in "?!":
        assert sum(line.text.endswith(ending) for line in lines) >= 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nuit", "n ɥ i"),
        ("un bon vin blanc", "œ̃ b ɔ̃ v ɛ̃ b l ɑ̃"),
        ("montagne", "m ɔ̃ t a ɲ"),
        ("jeûne feuille", "ʒ ø n f œ j"),
    ],
)
def test_phonemes_are_counted(text: str, expected: str) -> None:
    assert phonemes.count([text]) == Counter(expected.split())


def test_the_stand_ins_are_the_profiles_voices() -> None:
    profiles = [voiceprofile.parse((LORAS / agent / character.PROFILE).read_text()) for agent in CHARACTERS]
    listed = decoding.from_yaml((LORAS / "voices.yaml").read_text(), VoicesDocument)
    assert listed == documents.voices_document(profiles, names.DEFAULT_ENGINE, 1)
    assert len({voice.speaker for voice in listed.voices}) == 3
    assert len({voice.sampling for voice in listed.voices}) == 3


LINE = {"id": "a-1", "text": "Oui.", "emotion": "happy", "pace": "even", "breath": "free"}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([LINE, LINE], "several have a-1"),
        ([LINE | {"emotion": "bored"}], "'bored'"),
        ([LINE | {"text": "Oui, | non."}], "belong together"),
        ([LINE | {"breath": "marked"}], "belong together"),
        ([LINE | {"take": 1}], "take"),
        ([], "lines"),
    ],
)
def test_a_mistake_in_a_script_is_named(tmp_path: Path, lines: list[dict[str, str]], why: str) -> None:
    (tmp_path / character.SCRIPT).write_text(yaml.safe_dump({"lines": lines}))
    with pytest.raises(InvalidInput, match=why) as raised:
        character.read_script(tmp_path)
    assert character.SCRIPT in raised.value.field


def test_a_character_speaks_in_every_emotion(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        character.read_character(tmp_path)
    text = (LORAS / "lisa" / character.CHARACTER).read_text()
    (tmp_path / character.CHARACTER).write_text(text.replace("  sad:", "  sorry:"))
    with pytest.raises(InvalidInput, match=r"\['sad', 'sorry'\]"):
        character.read_character(tmp_path)


def test_a_transcript_has_no_marks() -> None:
    line = decoding.convert(LINE | {"text": "Ah, | vous ? | Depuis…", "breath": "marked"}, character.Line)
    assert line.transcript == "Ah, vous ? Depuis…"
