"""Recordings through the official package's encoders, in small: a dataset that trains, and voice files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from support.sound import wav
from timbre_engine.qwen3tts.clip import read
from timbre_engine.qwen3tts.machine import Machine
from timbre_loras import x_vector
from timbre_loras.train import dataset
from train import recorded

RATE = 44_100
TEXT = "Le renard brun saute par-dessus le chien."
GOOD = ["one.wav", "two.wav", "three.flac"]
DROPPED = {
    "clipped.wav": "it is clipped: ",
    "half.wav": "it breaks off: the file is shorter than its header says",
    "long.wav": "its text has 300 characters, more than 240",
    "other.wav": "language: the base has ",
    "short.wav": "it lasts 0.4 s, not 0.8 to 20 s",
    "silent.wav": "nothing is heard in it",
    "slow.wav": "0.7 characters a second: text and recording are hardly of each other",
    "torn.wav": "it cannot be read: ",
    "untold.wav": "it has no transcript",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the kind base; PyTorch puts encoders into it."""
    return recorded.write_base(tmp_path_factory.mktemp("heard") / "base")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """WAV files, and numpy's file in place of the FLAC file; PyTorch's environment writes it as what it is."""
    folder = tmp_path_factory.mktemp("recordings")
    sounds = {name: recorded.tones(2.5, 110 + 10 * at, RATE) for at, name in enumerate(GOOD)}
    sounds |= dict.fromkeys(("half.wav", "long.wav", "other.wav", "untold.wav", "slow.wav"), sounds["one.wav"])
    sounds |= {"short.wav": recorded.tones(0.2, 110, RATE), "silent.wav": np.zeros(RATE)}
    sounds["clipped.wav"] = np.clip(9 * sounds["one.wav"], -1, 1)
    texts = dict.fromkeys(sounds, TEXT) | {"long.wav": "a" * 300, "slow.wav": "Oh"} | {"torn.wav": TEXT}
    rows = [{"file": name, "text": text} for name, text in texts.items() if name != "untold.wav"]
    rows[[row["file"] for row in rows].index("other.wav")]["language"] = "klingon"
    (folder / "table.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    np.save(folder / "three.flac.npy", np.stack([sounds.pop("three.flac")] * 2, axis=1))
    for name, sound in sounds.items():
        (folder / name).write_bytes(wav(sound, RATE))
    (folder / "half.wav").write_bytes((folder / "half.wav").read_bytes()[:-RATE])
    (folder / "torn.wav").write_bytes(b"RIFF, and nothing more")
    return folder


@pytest.fixture(scope="module")
def asked(torch_side: None, base: Path, recordings: Path) -> dict[str, Any]:
    """Everything that PyTorch is asked, by name."""
    folder, first = base.parent, recordings / GOOD[0]
    flac = {"path": recordings / "three.flac", "source": recordings / "three.flac.npy", "rate": RATE}
    tasks: dict[str, tuple[str, dict[str, Any]]] = {"flac": ("write_sound", flac)}

    def command(*line: str | Path, most: int | None = None) -> tuple[str, dict[str, Any]]:
        return "command", {"line": [str(each) for each in (*line, "--base", base)], "most": most}

    table = ("--transcripts", recordings / "table.jsonl", "--language", "french")
    lesson = (folder / "set", "-o", folder / "full peft", "--rank", "64")
    tasks |= {
        "encoders": ("make_encoders", {"base": base}),
        "prepare": command("prepare", recordings, "-o", folder / "set", *table),
        "unwritable": command("prepare", recordings, "-o", first / "below", *table),
        "train": command("train", folder / "set", "-o", folder / "peft", "--steps", "1"),
        "voice": command("reference", first, "-o", folder / "voice.safetensors"),
        "clip": command("reference", first, "-o", folder / "clip.safetensors", "--text", TEXT, "--language", "fr"),
        "embed": command("embed", first, recordings / GOOD[2], "-o", folder / "both.safetensors"),
        "embed torn": command("embed", first, recordings / "half.wav", "-o", folder / "torn.safetensors"),
        "torn": command("reference", recordings / "torn.wav", "-o", folder / "torn.safetensors"),
        "full dataset": command("prepare", recordings, "-o", folder / "full", *table, most=600),
        "full voice": command("reference", first, "-o", folder / "full.safetensors", most=100),
        "full checkpoint": command("train", *lesson, "--steps", "2", "--stop-at", "1", most=100_000),
        "full adapter": command("train", *lesson, "--steps", "1", most=100_000),
        "official": ("clone", {"base": base, "recording": first, "text": TEXT}),
    }
    return dict(zip(tasks, recorded.ask(folder, *tasks.values()), strict=True))


def test_the_dataset_and_what_was_dropped(asked: dict[str, Any], base: Path) -> None:
    assert asked["prepare"] is None
    folder = base.parent / "set"
    lines = dataset.read(folder, 16)
    assert {line.line.name for line in lines} == {"one", "two", "three"}
    assert {(line.line.text, line.line.language) for line in lines} == {(TEXT, "french")}
    assert all(len(line.codes) == 34 for line in lines)  # 2.5 s and twice 0.1 s, at 12.5 a second
    assert np.isfinite(x_vector.read(folder / x_vector.FILE, 128)).all()
    report = json.loads((folder / "report.json").read_text())
    dropped = {each["file"]: each["why"] for each in report["dropped"]}
    assert dropped.keys() == DROPPED.keys()
    for name, why in DROPPED.items():
        assert dropped[name].startswith(why)
    assert {each["file"] for each in report["kept"]} == set(GOOD)
    assert all(each["likeness"] > 0.5 for each in report["kept"])


def test_a_dataset_that_cannot_be_written_is_named(asked: dict[str, Any], recordings: Path) -> None:
    assert asked["unwritable"] == f"{recordings / GOOD[0] / 'below'} cannot be written: Not a directory"


def test_what_a_full_disk_leaves_is_whole(asked: dict[str, Any], base: Path) -> None:
    folder, peft = base.parent, base.parent / "full peft"
    for task, path in {
        "full dataset": folder / "full" / "codes" / "one.safetensors",
        "full voice": folder / "full.safetensors",
        "full checkpoint": peft / "checkpoint.pt",
        "full adapter": peft / "adapter_model.safetensors",
    }.items():
        assert asked[task].startswith(f"{path} cannot be written: ") and "File too large" in asked[task]
        assert not path.exists()
    assert list((folder / "full").rglob("*")) == [folder / "full" / "codes"]
    assert {path.name for path in peft.iterdir()} == {"loss.json", "loss.png", "voice.json", x_vector.FILE}


def test_it_trains(asked: dict[str, Any], base: Path) -> None:
    assert asked["train"] is None
    for name in ("adapter_model.safetensors", "adapter_config.json", "voice.json", x_vector.FILE):
        assert (base.parent / "peft" / name).exists()


def test_voice_files_hold_what_the_official_package_hears(asked: dict[str, Any], base: Path, machine: Machine) -> None:
    assert asked["voice"] is None and asked["clip"] is None
    alone, clip = (read(base.parent / f"{name}.safetensors", machine.manifest) for name in ("voice", "clip"))
    assert alone.codes is None and clip.text == TEXT
    for found in (alone, clip):
        np.testing.assert_allclose(found.x_vector, asked["official"]["x_vector"], rtol=1e-5, atol=1e-6)
    assert clip.codes is not None
    np.testing.assert_array_equal(clip.codes, asked["official"]["codes"])


def test_several_recordings_are_heard_as_one_is(asked: dict[str, Any], base: Path) -> None:
    assert asked["embed"] is None
    both = load_file(base.parent / "both.safetensors")["x_vectors"]
    np.testing.assert_array_equal(both[0], load_file(base.parent / "voice.safetensors")["x_vector"])
    assert both.shape == (2, 128) and (both[0] != both[1]).any()


def test_a_recording_that_cannot_be_read_is_named(asked: dict[str, Any], base: Path) -> None:
    assert asked["torn"].startswith("torn.wav: it cannot be read")
    assert asked["embed torn"].startswith("half.wav: it breaks off")
    assert not (base.parent / "torn.safetensors").exists()
