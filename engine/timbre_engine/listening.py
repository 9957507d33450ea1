"""A port that an application answers on."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from timbre_common.errors import SetupError

_SHUTDOWN_S: Final = 0.1
"""What connections have left once it ends."""
_MAX_LINE: Final = 16 << 10


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """The port that the application answers on, while the context lasts. Raises SetupError."""
    runner = web.AppRunner(
        app, handler_cancellation=True, access_log=None, shutdown_timeout=_SHUTDOWN_S, max_line_size=_MAX_LINE
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise _unusable(error, host, port) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def address(host: str, port: int) -> str:
    """As a URL has it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _unusable(error: OSError, host: str, port: int) -> SetupError:
    if error.errno == errno.EADDRINUSE:
        return SetupError(f"port {port} on {host} is in use: stop what listens there, or choose another")
    return SetupError(f"cannot listen on {address(host, port)}: {error.strerror or error}")
