"""Where the routes document comes from: a file, or (configmap.py) a ConfigMap."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Protocol

from timbre_common import documents
from timbre_common.documents import Routes
from timbre_common.errors import InvalidInput

log = logging.getLogger(__name__)

MAX_BYTES: Final = 16 << 20
_PERIOD: Final = 0.5


class RoutesSource(Protocol):
    """Routes as they are, and as they change. A document that is broken changes nothing, and is logged."""

    async def first(self) -> Routes:
        """The routes at the start. Raises InvalidInput that names the source."""

    def changes(self) -> AsyncIterator[Routes]:
        """The routes each time they changed, without end."""


class RoutesFile:
    """A file, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None

    async def first(self) -> Routes:
        """See RoutesSource."""
        self._stamp = self._stat()
        return await asyncio.to_thread(_read, self._path)

    async def changes(self) -> AsyncIterator[Routes]:
        """See RoutesSource."""
        while True:
            await asyncio.sleep(_PERIOD)
            if self._stat() == self._stamp:
                continue
            try:
                yield await self.first()
            except InvalidInput as error:
                log.warning("the routes stay as they were: %s", error)

    def _stat(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size


def _read(path: Path) -> Routes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInput(f"larger than {MAX_BYTES} bytes", str(path))
        return documents.parse_routes(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"cannot be read ({error.strerror})", str(path)) from error
    except InvalidInput as error:
        raise InvalidInput(str(error), str(path)) from error
