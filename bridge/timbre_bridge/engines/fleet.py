"""All engines of the routes document: who serves which agent, which of them answer, and what changes."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiohttp import ClientSession

from timbre_bridge.engines.client import EngineClient
from timbre_bridge.metrics import Metrics
from timbre_bridge.text import clean
from timbre_common import documents
from timbre_common.documents import Agent, Routes
from timbre_common.errors import EngineUnavailable, InvalidInput, TimbreError
from timbre_common.protocol import AgentInfo, EngineInfo

log = logging.getLogger(__name__)

ROUTES_PERIOD: Final = 0.5
PROBE_PERIOD: Final = 1.0
MAX_ROUTES_BYTES: Final = 16 << 20


def read_routes(path: Path) -> Routes:
    """The routes document in `path`. Raises InvalidInput that names the file."""
    try:
        if path.stat().st_size > MAX_ROUTES_BYTES:
            raise InvalidInput(f"larger than {MAX_ROUTES_BYTES} bytes", str(path))
        return documents.parse_routes(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"cannot be read ({error.strerror})", str(path)) from error
    except InvalidInput as error:
        raise InvalidInput(str(error), str(path)) from error


def _warm(routes: Routes) -> None:
    """Build the tables of the agents' languages, which take milliseconds, before somebody waits for them."""
    for language in {language for agent in routes.agents for language in agent.languages}:
        clean("1", language)


class Fleet:
    """Follows the routes document and the engines' health; calls `changed` when either changes."""

    def __init__(self, path: Path, http: ClientSession, metrics: Metrics, changed: Callable[[], None]) -> None:
        self._path = path
        self._http = http
        self._metrics = metrics
        self._changed = changed
        self._stamp: tuple[int, int] | None = None
        self._clients: dict[str, EngineClient] = {}
        self.agents: dict[str, Agent] = {}

    @property
    def engines(self) -> list[EngineInfo]:
        """Every engine and whether it answers."""
        return [EngineInfo(client.name, client.ready) for client in self._clients.values()]

    @property
    def agent_infos(self) -> list[AgentInfo]:
        """What listeners are told of the agents."""
        return [agent.info() for agent in self.agents.values()]

    def client(self, agent: Agent) -> EngineClient:
        """The engine that serves `agent`. Raises EngineUnavailable where the routes do not name it."""
        client = self._clients.get(agent.engine)
        if client is None:
            raise EngineUnavailable(f"no engine is called {agent.engine!r}")
        return client

    async def load(self) -> None:
        """Take over the routes document. Raises InvalidInput."""
        self._stamp = self._stat()
        routes = await asyncio.to_thread(read_routes, self._path)
        await asyncio.to_thread(_warm, routes)
        wanted = {engine.name: engine.url for engine in routes.engines}
        for name, client in list(self._clients.items()):
            if wanted.get(name, "").rstrip("/") != client.url:
                del self._clients[name]
                self._metrics.engine_ready.remove(name)
                await client.close()
        for name, url in wanted.items():
            if name not in self._clients:
                self._clients[name] = EngineClient(name, url, self._http)
                self._metrics.engine_ready.labels(name).set(0)
        self.agents = {agent.agent_id: agent for agent in routes.agents}
        self._changed()

    async def follow(self) -> None:
        """Read the routes again whenever the file changes, until cancelled. A broken file changes nothing."""
        while True:
            await asyncio.sleep(ROUTES_PERIOD)
            if self._stat() == self._stamp:
                continue
            try:
                await self.load()
                log.info("routes: %d agents, %d engines", len(self.agents), len(self._clients))
            except InvalidInput as error:
                log.warning("the routes stay as they were: %s", error)

    async def watch_health(self) -> None:
        """Ask every engine for its health, until cancelled."""
        while True:
            await asyncio.gather(*(self._check(client) for client in list(self._clients.values())))
            await asyncio.sleep(PROBE_PERIOD)

    async def _check(self, client: EngineClient) -> None:
        ready = await client.probe()
        if ready:
            try:
                await client.warm()
            except TimbreError:
                ready = False
        if ready != client.ready:
            client.ready = ready
            self._metrics.engine_ready.labels(client.name).set(ready)
            log.info("engine %s: %s", client.name, "ready" if ready else "away")
            self._changed()

    def _stat(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.close()
