"""What the launcher does when something is wrong, with stand-ins for engine and bridge."""

import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from launcher.running import STAND_INS, Ports, profile, running, write
from timbre.launcher.processes import PATIENCE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "lisa", profile("lisa"))
    return tmp_path


def command(ports: Ports, *options: str) -> list[str]:
    return [*STAND_INS, "run", *ports.options, *options]


def eventually(condition: Callable[[], bool], within: float = 30.0) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def only_line(output: str) -> str:
    lines = output.strip().splitlines()
    assert len(lines) == 1, output
    return lines[0]


@pytest.mark.parametrize(
    ("which", "option"),
    [("bridge", "--port"), ("engine", "--engine-port"), ("admin", "--engine-admin-port"), ("redis", "--redis-port")],
)
def test_a_port_in_use(folder: Path, which: str, option: str) -> None:
    ports = Ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", getattr(ports, which)))
        taken.listen()
        with running(command(ports), folder, STAND_IN_FOLDER=str(folder)) as launcher:
            assert launcher.end() == 1
            line = only_line(launcher.output)
            assert f"port {getattr(ports, which)} " in line and "is in use" in line and option in line
            assert launcher.gone()


def test_redis_away(folder: Path) -> None:
    away = "redis://:hush@127.0.0.1:9/0"
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder), REDIS_URL=away) as launcher:
        assert launcher.end() == 1
        line = only_line(launcher.output)
    assert "Redis does not answer at redis://127.0.0.1:9/0 (REDIS_URL)" in line and "hush" not in line


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (profile("renarde", 9), "loras/renarde/voiceprofile.yaml: spec.prosody.speed: "),
        ("spec: [", "loras/renarde/voiceprofile.yaml: not valid YAML"),
        (profile("renarde").replace("languages", "langages"), "loras/renarde/voiceprofile.yaml: spec: "),
    ],
)
def test_a_broken_yaml_at_the_start(folder: Path, text: str, named: str) -> None:
    write(folder, "renarde", text)
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        assert launcher.end() == 1
        assert named in only_line(launcher.output)


def test_no_voices(tmp_path: Path) -> None:
    with running(command(Ports()), tmp_path, STAND_IN_FOLDER=str(tmp_path)) as launcher:
        assert launcher.end() == 1
        assert "no voices: no folder of loras holds a voiceprofile.yaml" in only_line(launcher.output)


def test_voices_change_while_it_runs(folder: Path) -> None:
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        launcher.until("Timbre is up")
        pushes, routes = folder / "pushes", Path((folder / "bridge.routes").read_text())
        assert routes.stat().st_mode & 0o777 == 0o600 and routes.parent.stat().st_mode & 0o777 == 0o700

        write(folder, "renarde", profile("renarde"))
        assert eventually(lambda: '"renarde"' in routes.read_text())
        assert pushes.read_text().split() == ["lisa", "lisa,renarde"]
        launcher.until("Renarde is here")

        path = write(folder, "lisa", profile("lisa", 9))
        launcher.until("loras/lisa/voiceprofile.yaml: spec.prosody.speed: ")
        launcher.until("Lisa keeps the voice it had")
        assert pushes.read_text().split() == ["lisa", "lisa,renarde"]

        path.write_text(profile("lisa", 1.5))
        launcher.until("Lisa has a new voice")
        shutil.rmtree(folder / "loras" / "renarde")
        launcher.until("Renarde is gone")
        assert eventually(lambda: '"renarde"' not in routes.read_text())
        assert pushes.read_text().split() == ["lisa", "lisa,renarde", "lisa,renarde", "lisa"]
        launcher.key(b"\x03")
        assert launcher.end() == 0


def test_a_new_voice_is_there_within_two_seconds(folder: Path) -> None:
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        launcher.until("Timbre is up")
        routes = Path((folder / "bridge.routes").read_text())

        def seconds(agent: str) -> float:
            began = time.monotonic()
            write(folder, agent, profile(agent))
            assert eventually(lambda: f'"{agent}"' in routes.read_text())
            return time.monotonic() - began

        # The least of several: what it takes where the machine is not busy with something else.
        assert min(seconds(agent) for agent in ("electra", "renarde", "zoe")) < 2
        launcher.key(b"\x03")
        assert launcher.end() == 0


@pytest.mark.parametrize("part", ["engine", "bridge"])
def test_a_part_that_ends_is_started_again(folder: Path, part: str) -> None:
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        launcher.until("Timbre is up")
        first = (folder / f"{part}.pid").read_text()
        os.kill(int(first), signal.SIGKILL)
        launcher.until(f"the {part} ended (exit code -9); starting it again")
        assert eventually(lambda: (folder / f"{part}.pid").read_text() not in {"", first})
        if part == "engine":
            assert eventually(lambda: (folder / "pushes").read_text().split() == ["lisa", "lisa"])
        launcher.key(b"\x03")
        assert launcher.end() == 0
        assert launcher.gone()


def test_a_part_that_keeps_ending_is_given_up(folder: Path) -> None:
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        launcher.until("Timbre is up")
        (folder / "crash-bridge").touch()
        assert launcher.end(40) == 1
        assert launcher.output.strip().splitlines()[-1].startswith("timbre: the bridge ended more than 5 times")
        assert (folder / "bridge.starts").read_text() == "x" * 6
        assert launcher.gone()


def test_a_part_that_ends_at_its_start(folder: Path) -> None:
    (folder / "crash-engine").touch()
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        assert launcher.end() == 1
        assert "the engine ended at its start (exit code 3)" in only_line(launcher.output)
        assert launcher.gone()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_it_cleanly(folder: Path, stop: signal.Signals) -> None:
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        launcher.until("Timbre is up")
        assert len(launcher.left()) == 4
        directory = Path((folder / "bridge.routes").read_text()).parent
        launcher.process.send_signal(stop)
        assert launcher.end() == 0
        assert launcher.gone() and not directory.exists()


def test_ctrl_c_while_it_starts(folder: Path) -> None:
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        assert eventually(lambda: (folder / "engine.pid").exists())
        launcher.key(b"\x03")
        assert launcher.end() == 0
        assert launcher.gone()


def test_a_killed_launcher_leaves_nothing(folder: Path) -> None:
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        launcher.until("Timbre is up")
        launcher.process.kill()
        launcher.process.wait()
        assert launcher.gone()


def test_a_second_ctrl_c_does_not_wait(folder: Path) -> None:
    with running(command(Ports()), folder, STAND_IN_FOLDER=str(folder)) as launcher:
        launcher.until("Timbre is up")
        bridge = psutil.Process(int((folder / "bridge.pid").read_text()))
        bridge.suspend()
        # Until it stands: of two signals that wait for a process to run, SIGTERM would be the first.
        assert eventually(lambda: bridge.status() == psutil.STATUS_STOPPED)
        began = time.monotonic()
        launcher.key(b"\x03")
        time.sleep(0.5)
        assert launcher.process.poll() is None
        launcher.key(b"\x03")
        launcher.end()
        assert time.monotonic() - began < PATIENCE
        assert launcher.gone()
