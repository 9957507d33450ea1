"""From recordings to voices: the commands, in order, and what is said where something is missing."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from support.process import BIN, run
from timbre_common import voiceprofile
from timbre_loras import chain

ROOT = Path(__file__).parents[2]
DIGEST = f"sha256:{'0' * 64}"

STAND_IN = """#!/bin/sh
# Notes what it is asked, and makes what the command would.
echo "$*" >> "$ASKED"
command=$1; input=$2
while [ $# -gt 0 ]; do [ "$1" = -o ] && output=$2; shift; done
case $command in
  prepare) mkdir -p "$output" && touch "$output/lines.jsonl";;
  train) test -z "$FAIL" || exit 3; mkdir -p "$output" && touch "$output/adapter_model.safetensors";;
esac
"""


def voices(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("timbre-loras", "voices", *arguments, cwd=ROOT, **environment)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    return tmp_path / "base"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    for agent in ("lisa", "electra", "renarde"):
        (tmp_path / "recordings" / agent).mkdir(parents=True)
        (tmp_path / "recordings" / agent / f"{agent}-001.wav").touch()
    return tmp_path / "recordings"


def test_the_commands_of_each_character(checkpoint: Path, recordings: Path) -> None:
    told = voices(checkpoint, recordings, "-o", "out", "--dry-run", "--only", "lisa", "--trainer", "train/timbre-loras")
    assert told.returncode == 0, told.stderr
    lines = [line.replace(f"{BIN}/", "") for line in told.stdout.splitlines()]
    lesson = "--rank 16 --targets q_proj,v_proj --layout streaming --language french"
    about = (
        "--name LoRA_Lisa_v1 --agent lisa --language french --text-layout streaming --licence LicenseRef-VoiceConsent"
    )
    file = "out/lisa/LoRA_Lisa_v1.gguf"
    assert lines == [
        f"timbre-engine convert {checkpoint} out/model --quant Q4_K_M",
        f"timbre-loras script loras/lisa --recordings {recordings}/lisa",
        f"train/timbre-loras prepare {recordings}/lisa -o out/lisa/dataset --base {checkpoint} --language french",
        f"train/timbre-loras train out/lisa/dataset --base {checkpoint} {lesson} "
        "--steps 200 --batch 8 --learning-rate 0.0002 -o out/lisa/peft",
        f"timbre-loras export out/lisa/peft -o {file} --base out/model {about}",
        f"timbre-loras verify {file} --base out/model --peft out/lisa/peft",
        f"timbre-loras publish {file} out/model/adapters",
    ]
    everybody = voices(checkpoint, recordings, "-o", "out", "--dry-run").stdout
    assert everybody.count(" train ") == 3 and everybody.count(" convert ") == 1


def test_what_is_missing_is_said(tmp_path: Path, checkpoint: Path, recordings: Path) -> None:
    shutil.rmtree(recordings / "lisa")
    for arguments, why in [
        ((tmp_path / "nowhere", recordings), "is no checkpoint: get one with `timbre-engine pull"),
        ((checkpoint, tmp_path / "nowhere"), "no WAV or FLAC files in electra, lisa, renarde"),
        ((checkpoint, recordings), "no WAV or FLAC files in lisa;"),
        ((checkpoint, recordings, "--characters", tmp_path), "--characters names another"),
        ((checkpoint, recordings, "--only", "zoe"), "character.yaml cannot be read"),
    ]:
        refused = voices(*arguments, "-o", tmp_path / "out")
        assert refused.returncode == 1 and why in refused.stderr and refused.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_what_was_done_is_not_done_again_and_a_failure_ends_it(
    tmp_path: Path, checkpoint: Path, recordings: Path
) -> None:
    trainer, asked, out = tmp_path / "trainer", tmp_path / "asked", tmp_path / "out"
    trainer.write_text(STAND_IN)
    trainer.chmod(0o755)
    (out / "model").mkdir(parents=True)
    (out / "model" / "model.json").write_text("{}")

    def made(fail: str) -> subprocess.CompletedProcess[str]:
        options = ("-o", out, "--only", "lisa", "--trainer", trainer)
        return voices(checkpoint, recordings, *options, ASKED=str(asked), FAIL=fail)

    first = made("yes")
    assert first.returncode == 1
    assert first.stderr == f"timbre-loras: lisa: train: `{trainer} train` ended with status 3\n"
    assert "1 of 64 lines are recorded" in first.stdout
    second = made("")
    assert "lisa: prepare the recordings: done before" in second.stdout
    assert [line.split()[0] for line in asked.read_text().splitlines()] == ["prepare", "train", "train"]
    assert "lisa: export: " in second.stderr  # what the stand-in trained is nothing


def test_who_stops_it_stops_the_command_that_is_under_way(tmp_path: Path, checkpoint: Path, recordings: Path) -> None:
    trainer, out = tmp_path / "trainer", tmp_path / "out"
    # It says so once its starter has surely come to wait for it.
    trainer.write_text("#!/bin/sh\ntrap 'echo stopped; exit 143' TERM\nsleep 2\necho started\nsleep 60 & wait\n")
    trainer.chmod(0o755)
    (out / "model").mkdir(parents=True)
    (out / "model" / "model.json").write_text("{}")
    options = (checkpoint, recordings, "-o", out, "--only", "lisa", "--trainer", trainer)
    command = list(map(str, (BIN / "timbre-loras", "voices", *options)))
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while running.stdout.readline() != "started\n":
            assert running.poll() is None
        running.terminate()
        assert running.stdout.readline() == "stopped\n"
        assert running.wait(60) == 128 + signal.SIGTERM


def test_transcripts_are_written_where_there_are_none(recordings: Path) -> None:
    folder = recordings / "renarde"
    for name in ("renarde-002.flac", "renarde-005.WAV", "laughter.wav"):
        (folder / name).touch()
    (folder / "renarde-005.txt").write_text("Bienvenue chez moi.\n")
    told = run("timbre-loras", "script", ROOT / "loras" / "renarde", "--recordings", folder).stdout
    assert "3 of 64 lines are recorded" in told and "of no line: laughter.wav" in told
    assert (folder / "renarde-002.txt").read_text() == (
        "Approche… plus près… je vais te dire ce que la lune a raconté au puits.\n"
    )
    assert (folder / "renarde-005.txt").read_text() == "Bienvenue chez moi.\n"
    assert not (folder / "laughter.txt").exists()


def test_a_script_is_printed_with_its_direction() -> None:
    told = run("timbre-loras", "script", ROOT / "loras" / "lisa").stdout
    assert "sad: Lower and softer" in told and "lisa-002  even, marked" in told and "‖ le premier" in told


def test_the_profile_names_the_adapter_in_the_stand_in_s_place() -> None:
    own = voiceprofile.parse((ROOT / "loras" / "lisa" / "voiceprofile.yaml").read_text())
    spec = {"agentID": "lisa", "languages": ["fr"], "adapter": {"path": "lisa-0.gguf", "digest": DIGEST}}
    published = {"apiVersion": own.api_version, "kind": own.kind, "metadata": {"name": "lisa"}, "spec": spec}
    made = chain.profile(own, f"# comment\n{yaml.safe_dump(published)}").spec
    assert made.adapter is not None and (made.adapter.path, made.adapter.digest) == ("lisa-0.gguf", DIGEST)
    assert (made.speaker, made.prosody, made.display) == (None, own.spec.prosody, own.spec.display)


@pytest.mark.parametrize(("given", "missing"), [((), "BASE"), (("BASE=base",), "RECORDINGS")])
def test_make_says_which_variable_is_missing(given: tuple[str, ...], missing: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("BASE", "RECORDINGS")}
    command = ["make", "--no-print-directory", "-o", ".venv/.convert-stamp", "voices", *given]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert told.returncode != 0
    assert told.stderr.startswith(f"timbre: {missing} is missing: ")
