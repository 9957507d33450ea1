"""A voice's file from its source onto the volume, and the second one that an adapter names."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from functools import partial as bound
from typing import Final, TypeVar

from timbre_common.errors import TimbreError, TimedOut, Transient
from timbre_engine.fetcher import second
from timbre_engine.fetcher.partial import Partial
from timbre_engine.fetcher.settings import Settings
from timbre_engine.fetcher.sources.opening import Sources
from timbre_engine.fetcher.volume import Volume
from timbre_engine.fetcher.wanted import WantedFile

T = TypeVar("T")

_ANOTHER_S: Final = 0.5
"""How often a file is looked for that another fetcher writes."""
_DISK_THREADS: Final = 4


class Downloads:
    """At most `parallel` files at the same time from one host, so that no host waits for another."""

    def __init__(self, sources: Sources, volume: Volume, settings: Settings) -> None:
        self._sources = sources
        self._volume = volume
        self._settings = settings
        self._places: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(settings.parallel))
        self._disk = ThreadPoolExecutor(_DISK_THREADS, "disk")

    def close(self) -> None:
        """Begin nothing more on the disk."""
        self._disk.shutdown(wait=False, cancel_futures=True)

    async def holds(self, file: WantedFile) -> bool:
        """Whether it is there and right, and the second file that it names. Raises VolumeUnusable."""
        if not await self._has(file.name):
            return False
        beside = await self._on_disk(bound(self._volume.second, file.name))
        return beside is None or await self._has(beside.fetched)

    async def sweep(self, needed: frozenset[str], grace: float) -> int:
        """See Volume."""
        return await self._on_disk(bound(self._volume.sweep, needed, grace))

    async def used(self) -> int:
        """See Volume."""
        return await self._on_disk(self._volume.used)

    async def bring(self, file: WantedFile, begun: Callable[[], None]) -> int:
        """Have a file there, and then the second one that it names, whoever fetches them; how many bytes this fetcher
        took. `begun` is told when it asks.

        Raises HostRefused, Unauthorized, SourceMissing, TooLarge, DigestMismatch, FetchFailed, VolumeUnusable; what
        went wrong with the second file says its name.
        """
        taken = await self._bring(file, begun)
        beside = await self._on_disk(bound(self._volume.second, file.name))
        if beside is None:
            return taken
        with _naming(beside.file):
            other = WantedFile(beside.fetched, beside.digest, second.source(file.source, beside.file))
            return taken + await self._bring(other, begun)

    async def _bring(self, file: WantedFile, begun: Callable[[], None]) -> int:
        while not await self._has(file.name):
            host = str(self._sources.host(file.source))
            async with self._places[host], self._begun(file) as partial:
                if partial is not None:
                    if await self._has(file.name):
                        return 0
                    begun()
                    return await self._fetch(file, partial, host)
            await asyncio.sleep(_ANOTHER_S)
        return 0

    @asynccontextmanager
    async def _begun(self, file: WantedFile) -> AsyncIterator[Partial | None]:
        """The file under way; None while another fetcher has it."""
        beginning = asyncio.ensure_future(self._on_disk(bound(self._volume.begin, file.name)))
        try:
            partial = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            beginning.add_done_callback(_give_up)
            raise
        try:
            yield partial
        finally:
            if partial is not None:
                await asyncio.shield(self._on_disk(partial.close))

    async def _fetch(self, file: WantedFile, partial: Partial, host: str) -> int:
        taken = 0
        try:
            async with (
                asyncio.timeout(self._settings.timeout),
                self._sources.open(file.source, file.digest) as answer,
            ):
                async for piece in self._sources.client.pieces(answer, self._settings.max_bytes):
                    await self._on_disk(bound(partial.write, piece))
                    taken += len(piece)
        except TimeoutError as error:
            raise TimedOut(f"{host} took longer than {self._settings.timeout:g} s") from error
        await self._on_disk(partial.keep)
        return taken

    async def _has(self, name: str) -> bool:
        return await self._on_disk(bound(self._volume.holds, name))

    async def _on_disk(self, job: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, job)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Errors of the same type that say which file they are about."""
    try:
        yield
    except Transient as error:
        raise type(error)(f"{name}: {error}", error.retry_after) from error
    except TimbreError as error:
        raise type(error)(f"{name}: {error}") from error


def _give_up(beginning: "asyncio.Future[Partial | None]") -> None:
    if not beginning.cancelled() and beginning.exception() is None and (partial := beginning.result()) is not None:
        partial.close()
