"""Ctrl-C and SIGTERM as something to wait for, and the terminal that sends the former."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Self


class Signals:
    """Counts requests to stop; `wait` sleeps, and wakes at once when one comes."""

    def __init__(self) -> None:
        self.stops = 0
        """Requests to stop so far: the second means at once."""
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._stop)
        # A child that ends wakes the wait.
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Sleep for at most `seconds`."""
        select.select([self._read], [], [], max(0.0, seconds))
        with suppress(BlockingIOError):
            os.read(self._read, 4096)

    def _stop(self, _: int, __: FrameType | None) -> None:
        self.stops += 1


@contextmanager
def own_terminal() -> Iterator[None]:
    """Ctrl-C reaches this process alone.

    Under `make run` the terminal would send it to make as well, which then ends with an error however cleanly this
    process stops. So a process that is in the terminal's foreground, yet does not lead its group, takes a group of its
    own there, as an interactive shell does for a command, and gives the terminal back at the end.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield
        return
    before = os.getpgrp()
    try:
        if before == os.getpid() or os.tcgetpgrp(terminal) != before:
            yield
            return
        # Whoever gives the terminal away from the background would be stopped; and nobody waits here for Ctrl-Z.
        kept = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTTOU, signal.SIGTSTP)}
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpgrp())
        try:
            yield
        finally:
            with suppress(OSError):
                os.tcsetpgrp(terminal, before)
            with suppress(OSError):
                os.setpgid(0, before)
            for number, handler in kept.items():
                signal.signal(number, handler)
    finally:
        os.close(terminal)
