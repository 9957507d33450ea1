"""The fetcher's process: puts its parts together, runs until it is told to stop."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from timbre_common import shards
from timbre_common.errors import InvalidInput, SetupError
from timbre_engine.admin_tokens import AdminTokens
from timbre_engine.fetcher import app, credentials, rules
from timbre_engine.fetcher.client import Client
from timbre_engine.fetcher.desk import Desk
from timbre_engine.fetcher.downloads import Downloads
from timbre_engine.fetcher.engine_link import EngineLink
from timbre_engine.fetcher.metrics import Metrics
from timbre_engine.fetcher.rules import Rules
from timbre_engine.fetcher.settings import Settings
from timbre_engine.fetcher.sources.opening import Sources
from timbre_engine.fetcher.volume import Volume
from timbre_engine.listening import address, listening

_log = logging.getLogger(__name__)


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises SetupError, or InvalidInput for what a setting says."""
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    if settings.token_file is None:
        raise SetupError("the administration wants tokens: name a file that holds them by --token-file")
    tokens = AdminTokens.of_file(settings.token_file)
    metrics = Metrics()
    async with (
        _desk(settings, tokens, metrics) as desk,
        listening(app.make(desk, tokens, metrics), settings.host, settings.port) as port,
    ):
        _begin(desk, settings.voices)
        _log.info("listening on http://%s", address(settings.host, port))
        loops = [asyncio.create_task(loop()) for loop in (desk.follow_engine, desk.follow_credentials, desk.sweep)]
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([*loops, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in (*loops, stopping):
            task.cancel()
        for task in done:
            task.result()
        _log.info("stopping")


@asynccontextmanager
async def _desk(settings: Settings, tokens: AdminTokens, metrics: Metrics) -> AsyncIterator[Desk]:
    allowed = Rules(
        allowed=rules.patterns(settings.allowed_hosts, "--allowed-hosts"),
        insecure=rules.patterns(settings.insecure_hosts, "--insecure-hosts"),
        allow_private=settings.allow_private,
    )
    client = Client(
        allowed,
        settings.stall,
        lambda origin: credentials.read(settings.credentials, origin.host, origin.port).authority,
    )
    link = EngineLink(settings.engine, tokens)
    sources = Sources(client, allowed, settings.credentials, settings.hub)
    desk = Desk(link, Downloads(sources, Volume(settings.adapters, settings.volume_bytes), settings), settings, metrics)
    try:
        yield desk
    finally:
        await desk.close()
        await link.close()
        await client.close()


def _begin(desk: Desk, folder: Path | None) -> None:
    """Follow the mounted parts, where they are whole; the operator pushes the document in any case."""
    try:
        document = None if folder is None else shards.read(folder)
    except InvalidInput as error:
        _log.warning("the mounted voices are not taken: %s", error)
        return
    if document is not None:
        desk.take(document)
