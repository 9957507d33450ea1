"""Training's pure parts: sounds, tables of transcripts, datasets, the schedule; and what is said without PyTorch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from timbre_common.errors import InvalidInput, SetupError
from timbre_loras import trained
from timbre_loras.train import dataset, recordings, schedule, sound
from timbre_loras.train.dataset import Line
from timbre_loras.train.settings import Settings
from timbre_loras.trained import Layout, Trained

RATE = 24_000


def tone(seconds: float, level: float) -> sound.Sound:
    time = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * 200 * time)).astype(np.float32)


def test_silence_at_the_ends_is_cut_and_none_within() -> None:
    spoken = np.concatenate([tone(0.5, 0.3), np.zeros(RATE // 2, np.float32), tone(0.5, 0.3)])
    noise = 1e-4 * np.random.default_rng(0).standard_normal(3 * RATE).astype(np.float32)
    noise[RATE : RATE + len(spoken)] += spoken
    assert len(sound.trim(noise, RATE, 0.1)) / RATE == pytest.approx(1.7, abs=0.04)


@pytest.mark.parametrize("level", [0.01, 0.1, 0.9])
def test_loudness_is_that_of_the_speech_whatever_silence_is_around(level: float) -> None:
    made = sound.level(np.pad(tone(1, level), RATE), RATE, -23)
    assert sound.measure(made, RATE) == pytest.approx(-23, abs=0.1)


def test_a_peak_bounds_the_loudness() -> None:
    spiky = tone(1, 0.01)
    spiky[100] = 0.5
    assert np.abs(sound.level(spiky, RATE, -10)).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)


@pytest.mark.parametrize("name", ["table.csv", "table.jsonl"])
def test_tables_of_transcripts(name: str, tmp_path: Path) -> None:
    for file in ("a.wav", "b.FLAC", "c.mp3"):
        (tmp_path / file).touch()
    rows = {
        "table.csv": 'file,text,language\na.wav,"Oui, toi.",french\n',
        "table.jsonl": '{"file": "a.wav", "text": "Oui, toi.", "language": "french"}\n',
    }
    (tmp_path / name).write_text(rows[name])
    found = [(each.path.name, each.text, each.language) for each in recordings.find(tmp_path, tmp_path / name)]
    assert found == [("a.wav", "Oui, toi.", "french"), ("b.FLAC", None, "")]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.csv", "name,text\na.wav,Oui\n", "row 1"),
        ("t.jsonl", '{"file": "a.wav", "text": "Oui"}\nnothing\n', "row 2"),
        ("t.jsonl", '{"file": "z.wav", "text": "Oui"}\n', "z.wav"),
    ],
)
def test_tables_that_are_wrong(name: str, content: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidInput, match=why):
        recordings.find(tmp_path, tmp_path / name)


def test_transcripts_beside_the_recordings(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "a.txt").write_text("\ufeffDéjà.\n", "utf-8")
    assert [each.text for each in recordings.find(tmp_path, None)] == ["Déjà."]
    with pytest.raises(SetupError, match="holds no"):
        recordings.find(tmp_path.parent, None)


LINE = '{"name": "a", "text": "Oui."}\n'
CODES = np.zeros((3, 16), np.int16)


@pytest.mark.parametrize(
    ("rows", "codes", "why"),
    [
        ("", CODES, "no line"),
        (LINE * 2, CODES, "more than once"),
        ('{"name": "../a", "text": "Oui."}\n', CODES, "lines.jsonl:1"),
        ('{"name": "a", "text": " "}\n', CODES, "text"),
        ('{"name": "a", "text": "Oui.", "voice": 1}\n', CODES, "voice"),
        (LINE, CODES[:, :15], "16"),
        (LINE, CODES[:0], "1 to 1024 frames"),
        (LINE, CODES + 2048, "0 to 2047"),
        (LINE, CODES.astype(np.float32), "whole numbers"),
    ],
)
def test_datasets_that_are_wrong(rows: str, codes: np.ndarray, why: str, tmp_path: Path) -> None:
    (tmp_path / "codes").mkdir()
    save_file({"codes": np.ascontiguousarray(codes)}, tmp_path / "codes" / "a.safetensors")
    (tmp_path / "lines.jsonl").write_text(rows)
    with pytest.raises(InvalidInput, match=why):
        dataset.read(tmp_path, 16)


def test_codes_come_back_whatever_their_order_in_memory(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 2048, (16, 5)).T
    dataset.write_line(tmp_path, Line(name="a", text="Oui."), codes)
    dataset.write_lines(tmp_path, [Line(name="a", text="Oui.")])
    np.testing.assert_array_equal(dataset.read(tmp_path, 16)[0].codes, codes)


def test_the_schedule() -> None:
    learnt, held_out = schedule.split(20, 0.1, seed=1)
    assert sorted(learnt + held_out) == list(range(20)) and len(held_out) == 2
    assert schedule.split(1, 0.5, seed=1) == ([0], []) and schedule.split(3, 0.0, seed=1)[1] == []
    epoch = [line for step in range(3) for line in schedule.batch(step, 4, 12, seed=1)]
    assert sorted(epoch) == list(range(12)) and epoch != sorted(epoch)
    assert sorted(schedule.batch(0, 5, 2, seed=1)) in ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    rates = [schedule.rate(step, 100, 10) for step in range(101)]
    assert rates[0] == 0.1 and rates[9] == max(rates) == 1.0 and rates[100] == pytest.approx(0.1)


def test_targets_that_are_none() -> None:
    assert Settings(targets="q_proj, down_proj").projections == ["q_proj", "down_proj"]
    with pytest.raises(InvalidInput, match="lm_head"):
        Settings(targets="q_proj,lm_head").projections  # noqa: B018


def test_how_a_voice_was_trained(tmp_path: Path) -> None:
    assert trained.read(tmp_path) == Trained()
    told = Trained(language="french", speaker="vivian", text_layout=Layout.FULL)
    trained.write(tmp_path, told)
    assert trained.read(tmp_path) == told


@pytest.mark.parametrize("command", ["train", "prepare", "reference"])
def test_without_pytorch_it_says_what_to_install(command: str, tmp_path: Path) -> None:
    line = [command, str(tmp_path), "--base", str(tmp_path), "-o", str(tmp_path / "out")]
    program = f"import sys; sys.argv[1:] = {line}; from timbre_loras.cli import main; main()"
    failed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1
    assert "to train in an environment of its own 'timbre-voices[train]'" in failed.stderr
