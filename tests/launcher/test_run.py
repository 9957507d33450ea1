"""`make run` and `timbre run` as a person has them: the real engine, the real bridge, a terminal, other devices."""

import json
import re
import shutil
import signal
import ssl
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.running import ROOT, TIMBRE, Ports, Running, hear, profile, running, timbre, write
from timbre import SyncClient, Unauthorized


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "loras", tmp_path / "loras")
    return tmp_path


def make(ports: Ports, *variables: str) -> list[str]:
    # -o: that tests run says enough of what is installed.
    options = " ".join([*ports.inner, "--voices", "{folder}/loras"])
    return ["make", "-o", ".venv/.run-stamp", "run", f"PORT={ports.bridge}", f"OPTIONS={options}", *variables]


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_run_speaks_and_stops_on_ctrl_c(folder: Path) -> None:
    ports = Ports()
    command = [part.replace("{folder}", str(folder)) for part in make(ports)]
    with running(command, ROOT, XDG_STATE_HOME=str(folder)) as launcher:
        output = launcher.until('Bonjour à tous"\n')
        assert f"Timbre is up at http://127.0.0.1:{ports.bridge}" in output
        assert "Electra, Lisa, Renarde" in output and ".venv/bin/timbre say lisa" in output
        said, heard = hear("lisa", "Bonjour à tous", folder / "lisa.wav", **ports.where)
        assert re.fullmatch(r"lisa speaks: first sound sent after \d+ ms to 1 listener\n", said), said
        assert "Lisa: Bonjour à tous" in heard
        with wave.open(str(folder / "lisa.wav")) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24000, 1, 2)
            assert file.getnframes() > 12_000

        launcher.key(b"\x03")
        assert launcher.end() == 0
        assert "Interrupt" not in launcher.output and "Error" not in launcher.output
        assert launcher.gone()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_a_terminated_make_takes_all_with_it(folder: Path) -> None:
    command = [part.replace("{folder}", str(folder)) for part in make(Ports())]
    with running(command, ROOT, XDG_STATE_HOME=str(folder)) as launcher:
        launcher.until("Timbre is up")
        launcher.process.send_signal(signal.SIGTERM)
        launcher.end()
        assert launcher.gone()


def test_a_new_folder_is_a_new_agent_that_speaks(folder: Path) -> None:
    ports = Ports()
    redis = f"redis://127.0.0.1:{ports.redis}"
    with running([str(TIMBRE), "run", *ports.options], folder) as launcher:
        launcher.until("Timbre is up")
        assert "no voice speaks for this agent" in timbre("say", "iris", "Bonjour", REDIS_URL=redis).stderr
        write(folder, "iris", profile("iris"))
        began = time.monotonic()
        while timbre("say", "iris", "Bonjour", REDIS_URL=redis).returncode != 0:
            assert time.monotonic() - began < 30, launcher.output
        launcher.key(b"\x03")
        assert launcher.end() == 0


@pytest.fixture
def public(folder: Path) -> Iterator[tuple[Running, Ports]]:
    ports = Ports()
    with running([str(TIMBRE), "run", "--host", "0.0.0.0", *ports.options], folder) as launcher:
        launcher.until("trust this machine's authority: ")
        launcher.until("ca.pem\n")
        yield launcher, ports
        launcher.key(b"\x03")
        assert launcher.end() == 0
        assert launcher.gone()


def test_for_other_devices_it_serves_https_and_demands_a_token(public: tuple[Running, Ports], folder: Path) -> None:
    launcher, ports = public
    link = re.search(rf"https://[^ ]+:{ports.bridge}/#token=\S+", launcher.output)
    assert link is not None and "█" in launcher.output
    authority = str(folder / "state" / "timbre" / "ca.pem")
    assert authority in launcher.output

    trusting = ssl.create_default_context(cafile=authority)
    address = f"https://127.0.0.1:{ports.bridge}"
    with urllib.request.urlopen(f"{address}/healthz", context=trusting) as answer:
        assert json.load(answer)["status"] == "ok"
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{address}/healthz")

    with SyncClient(address, ca=authority) as stranger, pytest.raises(Unauthorized, match="a token is needed"):
        stranger.say("lisa", "Bonjour")
    with SyncClient(link[0], ca=authority) as guest:
        assert guest.say("lisa", "Bonjour").first_sound_s is not None

    made = timbre("token", "create", "--agents", "lisa", XDG_STATE_HOME=str(folder / "state")).stdout.strip()
    refused = timbre("say", "lisa", "Bonjour", TIMBRE_URL=address, TIMBRE_TOKEN=made, TIMBRE_CA=authority)
    assert refused.returncode == 1 and "--speak" in refused.stderr
    assert "token" not in " ".join(part for line in launcher.left() for part in line.split() if "eyJ" in part)


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["say", "lisa", "Bonjour"], 1, "Redis does not answer at redis://127.0.0.1:9"),
        (["listen", "--url", "http://127.0.0.1:9"], 1, "no bridge answers at http://127.0.0.1:9"),
        (["cancel", "c", "--url", "http://127.0.0.1:9"], 1, "no bridge answers at http://127.0.0.1:9"),
        (["cancel", "c", "--url", "ftp://x"], 1, "url: an address such as"),
        (["listen", "--wav", "/nowhere/at/all.wav"], 1, "/nowhere/at/all.wav: cannot be written"),
        (["listen", "--token-file", "/nowhere/token"], 1, "/nowhere/token: cannot be read"),
        (["token", "create", "--expires", "soon"], 1, "--expires: a time such as"),
        (["token", "create", "--secret-file", "/nowhere/secret"], 1, "/nowhere/secret: cannot be read"),
        (["run", "--cert", "c.pem"], 1, "--cert and --key go together"),
        (["say", "lisa"], 2, "TEXT"),
        (["sing"], 2, "sing"),
    ],
)
def test_an_expected_failure_is_one_line(tmp_path: Path, arguments: list[str], code: int, line: str) -> None:
    ended = timbre(*arguments, REDIS_URL="redis://127.0.0.1:9", XDG_STATE_HOME=str(tmp_path))
    assert ended.returncode == code, ended
    assert line in ended.stderr and ended.stderr.startswith("timbre: ")
    assert len(ended.stderr.splitlines()) == 1 and ended.stdout == ""


@pytest.mark.parametrize("arguments", [[], ["say"], ["listen"], ["cancel"], ["doctor"], ["token"], ["run"]])
def test_help_is_there_for_all(arguments: list[str]) -> None:
    ended = timbre(*arguments, "--help")
    assert ended.returncode == 0 and "Usage: timbre" in ended.stdout


def test_the_doctor_ends_with_what_it_found() -> None:
    ended = timbre("doctor", REDIS_URL="redis://127.0.0.1:9")
    assert ended.returncode == 1
    assert "✗ Redis: Redis does not answer at redis://127.0.0.1:9" in ended.stdout
    assert "✓ espeak-ng: " in ended.stdout and "to mend" in ended.stdout
