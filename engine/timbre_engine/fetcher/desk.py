"""The way of a voices document: in from the operator or from mounted parts, on to the engine, and its files fetched."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final

from timbre_common.documents import VoicesDocument, VoicesStatus
from timbre_common.errors import EngineUnavailable, VolumeUnusable
from timbre_engine.fetcher import credentials, wanted
from timbre_engine.fetcher.downloads import Downloads
from timbre_engine.fetcher.engine_link import EngineLink
from timbre_engine.fetcher.files import Files
from timbre_engine.fetcher.metrics import Metrics
from timbre_engine.fetcher.settings import Settings

_log = logging.getLogger(__name__)

_LOOK_S: Final = 1.0
"""How often the engine is asked whether it still has the document."""
_LOOK_SOON_S: Final = 0.2
"""The same while voices are loading, or the engine is away."""
_GATHER_S: Final = 0.1
"""Files that come within this time are told together."""
_ANSWER_S: Final = 2.0
"""How long `PUT` waits for the engine's word on the voices."""
_CREDENTIALS_S: Final = 2.0
"""How often the mounted credentials are looked at."""
_SWEEPS: Final = 4
"""A file's need is renewed so often within the grace, at least."""
_SWEEP_S: Final = 60.0
"""The volume is looked at so often, at least."""


class Desk:
    """Holds the newest document and sees to it that the engine has it, with its files."""

    def __init__(self, link: EngineLink, downloads: Downloads, settings: Settings, metrics: Metrics) -> None:
        self._link = link
        self._downloads = downloads
        self._settings = settings
        self._metrics = metrics
        self.files = Files(downloads, metrics, self._pass_on_soon)
        metrics.follow(lambda: self.files.states)
        self._document: VoicesDocument | None = None
        self._digests: dict[str, str] = {}
        self._taken_at = time.monotonic()
        self._engine: VoicesStatus | None = None
        """As it was last listed; None while it does not answer."""
        self._due = False
        """Whether the document is to be given to the engine, the same one again included."""
        self._wake = asyncio.Event()
        self._looked = asyncio.Condition()
        self._ready = False

    @property
    def ready(self) -> bool:
        """Whether every listed voice was tried once; from then on for ever."""
        return self._ready

    def take(self, document: VoicesDocument) -> None:
        """Follow a document. One of a lower generation is ignored; the same one again is given to the engine again."""
        before = self._document
        if before is not None and document.generation < before.generation:
            _log.info("voices of generation %d are ignored: %d is newer", document.generation, before.generation)
            return
        if before is None or document.generation > before.generation:
            self._document, self._taken_at = document, time.monotonic()
            self._digests = {voice.name: voice.digest for voice in document.voices}
            self.files.want([file for voice in document.voices for file in wanted.of_voice(voice)])
            self._metrics.generation.set(document.generation)
            _log.info("voices of generation %d: %d", document.generation, len(document.voices))
        self._due = True
        self._wake.set()

    def status(self) -> VoicesStatus:
        """What became of each voice, as far as is known."""
        return wanted.overlay(self._document, self._digests, self._engine, self.files.states)

    async def looked(self) -> None:
        """Waits until the engine was asked again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_S), self._looked:
                self._wake.set()
                await self._looked.wait()

    async def answered(self) -> None:
        """Waits until the engine has tried the voices, within bounds; what still loads says so."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_S), self._looked:
                await self._looked.wait_for(lambda: not self._due and self._settled())

    async def follow_engine(self) -> None:
        """Ask the engine, and tell it, until cancelled."""
        while True:
            self._wake.clear()
            await self._look()
            async with self._looked:
                self._looked.notify_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S if self._settled() else _LOOK_SOON_S):
                    await self._wake.wait()

    async def sweep(self) -> None:
        """Keep the volume tidy, until cancelled."""
        while True:
            try:
                if self._document is not None:
                    await self.files.look()
                    named = wanted.named(self._document)
                    self._metrics.removed.inc(await self._downloads.sweep(named, self._settings.grace))
                    self._metrics.volume_bytes.set(await self._downloads.used())
            except VolumeUnusable as error:
                _log.warning("%s", error)
            await asyncio.sleep(min(_SWEEP_S, self._settings.grace / _SWEEPS))

    async def follow_credentials(self) -> None:
        """Have tried again what was refused, as soon as the mounted credentials are others, until cancelled."""
        folder = self._settings.credentials
        before = None if folder is None else await asyncio.to_thread(credentials.stamp, folder)
        while True:
            await asyncio.sleep(_CREDENTIALS_S)
            now = None if folder is None else await asyncio.to_thread(credentials.stamp, folder)
            if now != before:
                _log.info("the credentials have changed")
                self.files.try_refused()
            before = now

    async def close(self) -> None:
        """Stop fetching."""
        await self.files.close()
        self._downloads.close()

    async def _look(self) -> None:
        try:
            self._engine = await self._link.get()
            document = self._document
            if document is not None and (self._due or wanted.behind(document, self._digests, self._engine)):
                self._due = False
                await self._pass_on(document)
        except EngineUnavailable as error:
            if self._engine is not None:
                _log.warning("%s", error)
            self._engine = None
        self._metrics.engine_up.set(self._engine is not None)
        self._ready = self._ready or self._tried()
        self._metrics.ready.set(self._ready)

    async def _pass_on(self, document: VoicesDocument) -> None:
        try:
            self._engine = await self._link.put(document)
        except EngineUnavailable:
            self._due = True
            self._metrics.passed_on.labels("failed").inc()
            raise
        self._metrics.passed_on.labels("taken").inc()

    def _pass_on_soon(self) -> None:
        """A file has come: the engine shall try its voice again."""
        self._due = True
        asyncio.get_running_loop().call_later(_GATHER_S, self._wake.set)

    def _settled(self) -> bool:
        return self._document is None or wanted.settled(self._document, self._engine)

    def _tried(self) -> bool:
        late = time.monotonic() - self._taken_at > self._settings.ready_within
        return self._document is not None and self._settled() and not self._due and (self.files.tried or late)
