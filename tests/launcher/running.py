"""`timbre run` as a black box: started on free ports, watched by its output, and looked for when it should be gone."""

import fcntl
import os
import pty
import re
import secrets
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from support.process import free_ports

ROOT = Path(__file__).parents[2]
TIMBRE = Path(sys.executable).with_name("timbre")
STAND_INS = [sys.executable, str(Path(__file__).with_name("run_stand_ins.py"))]


class Running:
    """A launcher under a terminal of its own."""

    def __init__(self, command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
        self.mark = secrets.token_hex(8)
        # Valkey writes its title over its environment, and has its address in the title.
        redis = re.search(r"--redis-port (\d+)", " ".join(command))
        self._title = f"127.0.0.1:{redis[1]} " if redis else self.mark
        self.output = ""
        master, slave = pty.openpty()

        def take_terminal() -> None:
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TIMBRE_", "REDIS_"))}
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={
                **kept,
                "XDG_STATE_HOME": str(folder / "state"),
                "XDG_CACHE_HOME": str(folder / "cache"),
                "LAUNCHER_MARK": self.mark,
                **environment,
            },
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        os.close(slave)
        self._terminal = master

    def until(self, text: str, within: float = 60.0) -> str:
        """Wait for `text` in the output; all output so far."""
        deadline = time.monotonic() + within
        while text not in self.output:
            assert time.monotonic() < deadline, f"no {text!r} in:\n{self.output}"
            assert self._read(0.1) or text in self.output, f"ended without {text!r}:\n{self.output}"
        return self.output

    def key(self, key: bytes) -> None:
        """Type a key."""
        os.write(self._terminal, key)

    def end(self, within: float = 20.0) -> int:
        """Wait for the end; the exit code."""
        deadline = time.monotonic() + within
        while self._read(0.1):
            assert time.monotonic() < deadline, f"still running:\n{self.output}"
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def left(self) -> list[str]:
        """Command lines of all processes that descend from it, orphans included."""
        return list(self._processes().values())

    def gone(self, within: float = 20.0) -> bool:
        """Whether no process is left, within so many seconds."""
        deadline = time.monotonic() + within
        while self.left():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def close(self) -> None:
        """End what is left, whatever it is."""
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._terminal)

    def _processes(self) -> dict[int, str]:
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if self.mark.encode() in (entry / "environ").read_bytes() or self._title in line:
                    found[int(entry.name)] = line
        return found

    def _read(self, seconds: float) -> bool:
        """Take in output; False once there is no more."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self._terminal, 65536)
        except OSError:  # the other end is closed
            return False
        self.output += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


def timbre(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The `timbre` command."""
    return subprocess.run(
        [str(TIMBRE), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def hear(agent: str, text: str, wav: Path, **where: str) -> tuple[str, str]:
    """Have an agent speak to one listener: what `timbre say` tells, and what `timbre listen` shows."""
    hearing = subprocess.Popen(
        [str(TIMBRE), "listen", "--agent", agent, "--wav", str(wav), "--utterances", "1"],
        env={**os.environ, **where},
        stdout=subprocess.PIPE,
        text=True,
    )
    with hearing:
        assert hearing.stdout is not None
        assert hearing.stdout.readline().startswith(f"listening to {agent}")
        said = timbre("say", agent, text, **where)
        return said.stdout + said.stderr, hearing.stdout.read()


class Ports:
    """Four free ports, as options."""

    def __init__(self) -> None:
        self.bridge, self.engine, self.admin, self.redis = free_ports(4)

    @property
    def inner(self) -> list[str]:
        """Options of all but the bridge's."""
        return [
            *("--engine-port", str(self.engine)),
            *("--engine-admin-port", str(self.admin)),
            *("--redis-port", str(self.redis)),
        ]

    @property
    def where(self) -> dict[str, str]:
        """Environment of clients."""
        return {"REDIS_URL": f"redis://127.0.0.1:{self.redis}", "TIMBRE_URL": f"http://127.0.0.1:{self.bridge}"}

    @property
    def options(self) -> list[str]:
        """Options of all four."""
        return ["--port", str(self.bridge), *self.inner]


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[Running]:
    """A launcher that is ended at the latest when the block is left."""
    launcher = Running(command, folder, environment)
    try:
        yield launcher
    finally:
        launcher.close()


def profile(agent: str, speed: float = 1.0) -> str:
    """A voice's YAML."""
    return (
        "apiVersion: timbre.dev/v1alpha1\nkind: VoiceProfile\n"
        f"metadata: {{name: {agent}}}\n"
        f"spec: {{agentID: {agent}, languages: [fr], prosody: {{speed: {speed}}}}}\n"
    )


def write(folder: Path, agent: str, text: str) -> Path:
    """A voice's file below `folder/loras`."""
    path = folder / "loras" / agent / "voiceprofile.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
