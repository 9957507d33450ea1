"""/metrics, /healthz and /readyz."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from timbre_common.errors import SetupError
from timbre_operator import metrics
from timbre_operator.metrics import Metrics

_log = logging.getLogger(__name__)


@dataclass
class Health:
    """When the operator did something last. within: seconds that it may do nothing before it counts as hung.

    A pass that fails counts too: an operator is not healed by a restart while the API server is away.
    """

    within: float
    ready: bool = False
    """Whether it has what it needs: rights and resources."""
    _alive: float = field(default_factory=time.monotonic)

    def alive(self) -> None:
        """Something was done."""
        self._alive = time.monotonic()

    def age(self) -> float:
        """Seconds since something was done."""
        return time.monotonic() - self._alive


@asynccontextmanager
async def serving(health: Health, told: Metrics, host: str, port: int) -> AsyncIterator[int]:
    """Serve; the port that is listened on. Raises SetupError where it is taken."""

    async def healthz(_: web.Request) -> web.Response:
        age = health.age()
        return web.Response(status=200 if age < health.within else 503, text=f"last active {age:.0f} s ago\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(status=200 if health.ready else 503)

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=told.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise SetupError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
        _log.info("metrics on http://%s:%d", *runner.addresses[0][:2])
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
