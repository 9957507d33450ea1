"""`timbre run --model`: what it is named is got, converted once, and spoken with; the real engine and bridge."""

import os
import re
import shutil
import signal
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from launcher.running import ROOT, STAND_INS, TIMBRE, Ports, Running, hear, profile, running, write
from support import golden
from support.hub import Hub, Repo
from support.process import BIN, free_port

NAME = "Qwen/Qwen3-TTS-tiny"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return golden.make_checkpoint(tmp_path_factory.mktemp("golden") / "tiny")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "loras", tmp_path / "loras")
    return tmp_path


def command(model: str | Path, *options: str, ports: Ports | None = None) -> list[str]:
    return [str(TIMBRE), "run", *(ports or Ports()).options, "--model", str(model), *options]


def made(folder: Path) -> list[str]:
    """What is in the cache of models, hidden or not."""
    return sorted(path.name for path in (folder / "cache" / "timbre" / "models").glob("*"))


def stop(launcher: Running) -> None:
    launcher.key(b"\x03")
    assert launcher.end() == 0
    assert launcher.gone()


def refused(command: list[str], folder: Path, **environment: str) -> str:
    """The last line of a run that ends with an error, and leaves nothing half-made."""
    with running(command, folder, **environment) as launcher:
        assert launcher.end() == 1
        assert launcher.gone()
    assert "Traceback" not in launcher.output
    assert made(folder) == []
    return launcher.output.strip().splitlines()[-1]


def test_a_checkpoint_is_converted_once_and_heard(folder: Path, checkpoint: Path) -> None:
    ports = Ports()
    with running(command(checkpoint, ports=ports), folder) as launcher:
        launcher.until(f"converting {checkpoint} to Q4_K_M, once, into")
        launcher.until("the engine loads")
        # Of the three speakers the tiny model has only Vivian, so the others are not promised.
        launcher.until("the engine cannot speak as renarde: speaker: 'Sohee' is no speaker of this model")
        launcher.until("agents  Electra\n")
        said, heard = hear("electra", "Oui", folder / "electra.wav", **ports.where)
        assert re.fullmatch(r"electra speaks: first sound sent after \d+ ms to 1 listener\n", said), said
        assert "Electra: Oui" in heard
        with wave.open(str(folder / "electra.wav")) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        assert len(pcm) > 1920 and np.abs(pcm).max() > 100
        stop(launcher)
    (name,) = made(folder)
    assert name.startswith("tiny-Q4_K_M-")
    with running(command(checkpoint), folder) as launcher:
        assert "converting" not in launcher.until("Timbre is up")
        stop(launcher)
    assert made(folder) == [name]


def test_a_model_directory_is_taken_as_it_is(folder: Path, checkpoint: Path) -> None:
    with running([str(BIN / "timbre-engine"), "convert", str(checkpoint), "model", "--quant", "F32"], folder) as engine:
        assert engine.end() == 0
    with running(command("model"), folder) as launcher:
        assert "converting" not in launcher.until("Timbre is up")
        stop(launcher)
    assert not (folder / "cache" / "timbre").exists()


@pytest.fixture
def hub(checkpoint: Path) -> Iterator[Hub]:
    with Hub() as running:
        running.repos[NAME] = Repo.of(checkpoint)
        yield running


def on(endpoint: str, folder: Path) -> dict[str, str]:
    """Environment with this Hub."""
    direct = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    return {"HF_ENDPOINT": endpoint, "HF_HOME": str(folder / "hf-home"), "HF_HUB_OFFLINE": "", **direct}


def test_a_name_on_the_hub_is_got_once(folder: Path, hub: Hub) -> None:
    with running(command(NAME), folder, **on(hub.url, folder)) as launcher:
        output = launcher.until("Timbre is up")
        assert f"{NAME} is no folder here: getting it from the Hugging Face Hub, once, into" in output
        stop(launcher)
    away = on(f"http://127.0.0.1:{free_port()}", folder)
    with running(command(NAME), folder, **away) as launcher:
        output = launcher.until("the engine loads")
        assert "getting" not in output and "converting" not in output
        stop(launcher)
    with running(command(NAME, "--quant", "Q8_0"), folder, **away) as launcher:
        output = launcher.until("the engine loads")
        assert "verifying" in output and "getting" not in output and "to Q8_0, once" in output
        stop(launcher)
    assert [name.rpartition("-")[0] for name in made(folder)] == ["Qwen3-TTS-tiny-Q4_K_M", "Qwen3-TTS-tiny-Q8_0"]


def test_a_broken_transfer_is_taken_up_by_the_next_run(folder: Path, hub: Hub) -> None:
    hub.hold_after = 11 << 20
    with running(command(NAME), folder, **on(hub.url, folder)) as launcher:
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size >= 10 << 20 for path in folder.rglob("*.partial")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        stop(launcher)
    hub.hold_after = None
    hub.asked.clear()
    with running(command(NAME), folder, **on(hub.url, folder)) as launcher:
        launcher.until("the engine loads")
        stop(launcher)
    assert any(asked.range for asked in hub.transfers())


def test_a_hub_that_is_away_or_has_no_such_model(folder: Path, hub: Hub) -> None:
    away = refused(command(NAME), folder, **on(f"http://127.0.0.1:{free_port()}", folder))
    assert away.startswith("timbre-engine: ") and "cannot be reached" in away
    assert "there is no nobody/nothing" in refused(command("nobody/nothing"), folder, **on(hub.url, folder))
    assert "has no revision v9" in refused(command(f"{NAME}@v9"), folder, **on(hub.url, folder))


def test_what_is_no_model(folder: Path) -> None:
    (folder / "broken").mkdir()
    assert "timbre: there is no folder no/such/folder" in refused(command("no/such/folder"), folder)
    assert "timbre: broken is neither a model directory" in refused(command("broken"), folder)
    (folder / "broken" / "config.json").write_text("{}")
    assert "model.safetensors is missing" in refused(command("broken"), folder)
    (folder / "broken" / "model.json").write_text("{}")
    assert "the engine ended at its start (exit code 1); see above" in refused(command("broken"), folder)


def test_a_full_disk_and_a_cache_that_cannot_be_made(folder: Path, checkpoint: Path) -> None:
    # A bound on a file's size fails a write as a full disk does.
    bounded = ["bash", "-c", 'ulimit -f 2000; exec "$@"', "bounded", *command(checkpoint)]
    assert "timbre-engine: cannot write" in refused(bounded, folder)
    assert "/dev/null/x/timbre: Not a directory" in refused(command(checkpoint), folder, XDG_CACHE_HOME="/dev/null/x")


@pytest.fixture
def held(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a run whose conversion stands still half-way while there is a file hold-convert."""
    write(folder, "lisa", profile("lisa"))
    (folder / "checkpoint").mkdir()
    (folder / "checkpoint" / "config.json").touch()
    (folder / "hold-convert").touch()
    return [*STAND_INS, *command("checkpoint")[1:]], {"STAND_IN_FOLDER": str(folder)}


def half_made(folder: Path) -> None:
    """Wait for a half-made model directory."""
    deadline = time.monotonic() + 20
    while not list(folder.glob("cache/timbre/models/*/*/talker.gguf")):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_ctrl_c_leaves_nothing_half_made(folder: Path, held: tuple[list[str], dict[str, str]]) -> None:
    with running(held[0], folder, **held[1]) as launcher:
        half_made(folder)
        stop(launcher)
    assert made(folder) == []


def test_after_a_kill_the_next_run_begins_anew(folder: Path, held: tuple[list[str], dict[str, str]]) -> None:
    with running(held[0], folder, **held[1]) as launcher:
        half_made(folder)
        os.kill(launcher.process.pid, signal.SIGKILL)
        launcher.process.wait()
        assert launcher.gone()
    (folder / "hold-convert").unlink()
    with running(held[0], folder, **held[1]) as launcher:
        launcher.until("Timbre is up")
        stop(launcher)
    (name,) = made(folder)
    assert name.startswith("checkpoint-Q4_K_M-")


def test_a_second_run_does_not_disturb_the_first(folder: Path, held: tuple[list[str], dict[str, str]]) -> None:
    with running(held[0], folder, **held[1]) as launcher:
        half_made(folder)
        with running([*STAND_INS, *command("checkpoint")[1:]], folder, **held[1]) as second:
            assert second.end() == 1
            assert "timbre: another run prepares a model in" in second.output
        (folder / "hold-convert").unlink()
        launcher.until("Timbre is up")
        stop(launcher)


def test_a_conversion_that_dies_without_a_word(folder: Path, held: tuple[list[str], dict[str, str]]) -> None:
    (folder / "crash-convert").touch()
    assert "timbre: the conversion ended with exit code 3; see above" in refused(held[0], folder, **held[1])
