"""The bridge's process: builds the parts, runs them, and stops them in order."""

import asyncio
import logging
import signal
from importlib.metadata import version
from pathlib import Path
from typing import Final

from aiohttp import ClientSession, web
from redis.asyncio import Redis

from timbre_bridge.announcer import Announcer
from timbre_bridge.dispatcher import Dispatcher
from timbre_bridge.engines.configmap import Api, RoutesConfigMap
from timbre_bridge.engines.fleet import Fleet
from timbre_bridge.engines.routes import RoutesFile, RoutesSource
from timbre_bridge.history import History
from timbre_bridge.listeners.hub import Hub
from timbre_bridge.maker import Maker
from timbre_bridge.metrics import Metrics
from timbre_bridge.server import access, app
from timbre_bridge.server.context import Context
from timbre_bridge.server.guard import Guard
from timbre_bridge.server.media import Media
from timbre_bridge.settings import Settings
from timbre_bridge.signing import Signer
from timbre_bridge.source import RedisSource
from timbre_bridge.tasks import cancel
from timbre_common.errors import SetupError
from timbre_common.protocol import GoingAway

log = logging.getLogger(__name__)

_GRACE: Final = 2.0
"""Seconds that listeners get to move before the bridge stops."""


async def run(settings: Settings, redis_url: str) -> None:
    """Serve until SIGTERM or SIGINT. Raises SetupError, InvalidInput before it serves."""
    verifier, tls, routes = access.verifier(settings), access.tls(settings), _routes(settings)
    stop = _stop_signal()
    metrics = Metrics(settings.metrics_agents)
    hub = Hub(settings)
    async with ClientSession() as http, _redis(redis_url) as redis:

        def changed() -> None:
            hub.status(agents=fleet.agent_infos, engines=fleet.engines)

        def redis_state(connected: bool) -> None:
            metrics.redis_connected.set(connected)
            hub.status(redis=connected)

        fleet = Fleet(routes, http, metrics, changed, settings.default_voice)
        await fleet.load()
        announcer = Announcer(redis, settings.channel, metrics)
        history = History(settings)
        maker = Maker(fleet, metrics, settings.max_wait)
        dispatcher = Dispatcher(settings, fleet, hub, maker, announcer, history, metrics)
        source = RedisSource(redis, settings.channel, dispatcher.receive, redis_state)
        redis_state(source.connected)
        server = f"timbre-bridge/{version('timbre-voices')}"
        context = Context(settings, hub, dispatcher, metrics, verifier, server)
        media = Media(context, history, Signer(access.link_key(settings)))
        guard = Guard(settings.host, settings.allow_host, settings.allow_origin)
        runner = web.AppRunner(app.build(context, fleet, source, media, guard), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port, ssl_context=tls, backlog=1024)
            await _listen(site, settings)
            log.info("listening on %s", _address(runner, settings))
            jobs = (source.run, announcer.run, dispatcher.run, fleet.follow, fleet.watch_health)
            await _until_stopped(stop, [asyncio.create_task(job()) for job in jobs], hub, announcer)
        finally:
            await dispatcher.close()
            await runner.cleanup()
            await fleet.close()


def _routes(settings: Settings) -> RoutesSource:
    match settings.routes, settings.routes_configmap:
        case Path() as path, None:
            return RoutesFile(path)
        case None, str() as name:
            return RoutesConfigMap(Api.of_pod(), name)
    raise SetupError("one of --routes and --routes-configmap is right")


def _redis(url: str) -> Redis:
    try:
        return Redis.from_url(url, socket_connect_timeout=2.0, socket_keepalive=True)
    except ValueError as error:
        raise SetupError("REDIS_URL: redis://, rediss:// or unix:// is right") from error


async def _listen(site: web.TCPSite, settings: Settings) -> None:
    try:
        await site.start()
    except OSError as error:
        raise SetupError(f"cannot listen on {settings.host} port {settings.port}: {error.strerror}") from error


def _address(runner: web.AppRunner, settings: Settings) -> str:
    host, port = runner.addresses[0][:2]
    return f"{'https' if settings.cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _stop_signal() -> asyncio.Event:
    """Set when SIGTERM or SIGINT comes, from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _until_stopped(stop: asyncio.Event, jobs: list[asyncio.Task[None]], hub: Hub, announcer: Announcer) -> None:
    """Until it is set, or a job ends, which none does on its own."""
    stopped = asyncio.create_task(_wait(stop))
    try:
        await asyncio.wait([*jobs, stopped], return_when=asyncio.FIRST_COMPLETED)
        for job in jobs:
            if job.done():
                job.result()
        if hub.sessions:
            hub.broadcast(lambda _: GoingAway(deadline_ms=round(_GRACE * 1000)))
            await asyncio.sleep(0.2)
        await announcer.drain(0.5)
    finally:
        await cancel([*jobs, stopped])


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
