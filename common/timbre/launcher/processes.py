"""Processes of our own: started apart from the terminal, stopped in order, and gone when the launcher is."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from timbre.launcher.plan import Process
from timbre.launcher.signals import Signals
from timbre_common.errors import SetupError

PATIENCE: Final = 5.0
"""Seconds that a process has to stop by itself."""
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None


class Child:
    """A process, in a session of its own so that Ctrl-C does not reach it."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._running: subprocess.Popen[bytes] | None = None

    def start(self, *, stdout: int | None = None, stderr: int | None = None) -> None:
        """Its output goes where ours does, or where it is told. Raises SetupError where there is no such program."""
        try:
            self._running = subprocess.Popen(  # noqa: S603 -- our own programs
                self.process.command,
                env={**os.environ, **self.process.environment},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),
            )
        except OSError as error:
            raise SetupError(
                f"the {self.process.name} cannot be started: {self.process.command[0]}: {error.strerror}; "
                "install the extra `run` (make run does)"
            ) from error

    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return None if self._running is None else self._running.poll()

    def ask_to_stop(self) -> None:
        """SIGTERM."""
        if self._running is not None and self._running.poll() is None:
            self._running.terminate()

    def kill(self) -> None:
        """End it, and whatever it left behind."""
        if self._running is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._running.pid, signal.SIGKILL)
        self._running.wait()
        self._running = None


def stop(child: Child, signals: Signals) -> None:
    """Stop a child cleanly; at once after a second request to stop, or when its time is over."""
    child.ask_to_stop()
    deadline = time.monotonic() + PATIENCE
    while child.ended() is None and signals.stops < 2 and time.monotonic() < deadline:
        signals.wait(0.1)
    child.kill()


def _die_with(parent: int) -> Callable[[], None]:
    """Runs in the child before it becomes its program: SIGTERM comes when the launcher is gone, even by SIGKILL."""

    def prepare() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

    return prepare
