"""When a file is tried again."""

import asyncio
import math
from collections.abc import Callable

import pytest

from timbre_common.errors import SourceMissing, TimbreError, Unauthorized
from timbre_common.sources import Http
from timbre_engine.fetcher.files import Files, Pauses
from timbre_engine.fetcher.metrics import Metrics
from timbre_engine.fetcher.wanted import Progress, WantedFile

REFUSED, MISSING = (WantedFile(name, f"sha256:{'0' * 64}", Http(url=f"https://a/{name}")) for name in ("r", "m"))


class Source:
    """Refuses until it is mended."""

    def __init__(self) -> None:
        self.errors: dict[WantedFile, TimbreError] = {REFUSED: Unauthorized("401"), MISSING: SourceMissing("404")}
        self.asked: list[WantedFile] = []

    async def holds(self, file: WantedFile) -> bool:
        return file not in self.errors

    async def bring(self, file: WantedFile, begun: Callable[[], object]) -> int:
        begun()
        self.asked.append(file)
        await asyncio.sleep(0)
        if file in self.errors:
            raise self.errors[file]
        return 1


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.01)


async def test_what_was_refused_and_nothing_else_is_tried_again_when_credentials_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Pauses, "after", lambda *_: math.inf)
    source = Source()
    files = Files(source, Metrics(), lambda: None)
    files.want([REFUSED, MISSING])
    await until(lambda: files.tried)
    for _ in range(2):
        files.try_refused()
        await until(lambda: files.states[REFUSED].progress is Progress.FAILED)
    source.errors.clear()
    files.try_refused()
    await until(lambda: files.states[REFUSED].progress is Progress.PRESENT)
    assert (files.states[MISSING].progress, source.asked.count(MISSING)) == (Progress.FAILED, 1)
    await files.close()
