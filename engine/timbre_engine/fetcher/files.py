"""All files of the document: a task each that tries for ever, ever more slowly, so that none waits for another."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Protocol

from timbre_common import voice_codes
from timbre_common.backoff import Backoff
from timbre_common.errors import TimbreError, Transient, Unauthorized
from timbre_common.logs import OnceInAWhile
from timbre_engine.fetcher.metrics import Metrics
from timbre_engine.fetcher.wanted import FileState, Progress, WantedFile

_log = logging.getLogger(__name__)


class Bringer(Protocol):
    """See Downloads."""

    async def holds(self, file: WantedFile) -> bool:
        """Whether it is there and right."""

    async def bring(self, file: WantedFile, begun: Callable[[], None]) -> int:
        """Have it there; bytes taken."""


class Pauses:
    """How long to wait after a failure: longer where somebody has to mend something, and as long as a source asks."""

    def __init__(self, random: Random | None = None) -> None:
        chance = random or Random()  # noqa: S311 -- jitter needs no cryptography
        self.soon = Backoff(first=1.0, cap=60.0, floor=0.5, random=chance)
        self.later = Backoff(first=10.0, cap=300.0, floor=5.0, random=chance)

    def after(self, error: TimbreError) -> float:
        """Seconds."""
        if isinstance(error, Transient):
            return max(self.soon.next(), error.retry_after or 0.0)
        return self.later.next()


class Files:
    """Follows the documents' files; `arrived` is called when one has come."""

    def __init__(self, bringer: Bringer, metrics: Metrics, arrived: Callable[[], None]) -> None:
        self._bringer = bringer
        self._metrics = metrics
        self._arrived = arrived
        self._tasks: dict[WantedFile, asyncio.Task[None]] = {}
        self._states: dict[WantedFile, FileState] = {}
        self._told = OnceInAWhile(60.0)
        self._mended = asyncio.Event()
        """Set, and another in its place, when what was refused is to be tried again."""

    @property
    def states(self) -> Mapping[WantedFile, FileState]:
        """Of every wanted file."""
        return self._states

    @property
    def tried(self) -> bool:
        """Whether the first try of every file has ended."""
        return all(state.tried for state in self._states.values())

    def want(self, files: Collection[WantedFile]) -> None:
        """Have these, and no others."""
        for gone in self._states.keys() - set(files):
            self._tasks.pop(gone).cancel()
            del self._states[gone]
        for file in files:
            if file not in self._states:
                self._states[file] = FileState()
                self._start(file)

    async def look(self) -> None:
        """Look whether what came is still there, and bring again what is not. Raises VolumeUnusable."""
        for file, state in list(self._states.items()):
            if state.progress is not Progress.PRESENT or await self._bringer.holds(file):
                continue
            if self._states.get(file) is state:
                _log.warning("%s is no longer on the volume", file.name)
                self._start(file)

    def try_refused(self) -> None:
        """Try at once what was refused for its credentials."""
        self._mended.set()
        self._mended = asyncio.Event()

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start(self, file: WantedFile) -> None:
        self._states[file] = replace(self._states[file], progress=Progress.WAITING)
        self._tasks[file] = asyncio.create_task(self._keep_trying(file))

    async def _keep_trying(self, file: WantedFile) -> None:
        pauses = Pauses()
        while True:
            mended = self._mended
            error = await self._try(file)
            if error is None:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(pauses.after(error)):
                    await (mended if isinstance(error, Unauthorized) else asyncio.Event()).wait()

    async def _try(self, file: WantedFile) -> TimbreError | None:
        """Bring it; the error where that failed."""
        began = time.monotonic()
        try:
            taken = await self._bringer.bring(file, lambda: self._set(file, progress=Progress.FETCHING))
        except TimbreError as error:
            failed = error
        except Exception as error:
            _log.exception("a file is not fetched")
            failed = TimbreError(f"internal error: {type(error).__name__}")
        else:
            if taken:
                self._metrics.fetched(file.kind, taken, time.monotonic() - began)
            self._set(file, progress=Progress.PRESENT, error=None, tried=True)
            self._arrived()
            return None
        code = voice_codes.of(failed)
        self._metrics.failed(file.kind, code)
        if self._told.allow((file.name, code)) is not None:
            _log.warning("%s is not fetched: %s", file.name, failed)
        self._set(file, progress=Progress.FAILED, error=failed, tried=True)
        return failed

    def _set(self, file: WantedFile, **changes: object) -> None:
        state = self._states.get(file)
        if state is not None:
            self._states[file] = replace(state, **changes)  # type: ignore[arg-type]
