"""All engines of the routes document: who serves which agent, which of them answer, and what changes."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import ClientSession

from timbre_bridge.engines.client import EngineClient
from timbre_bridge.engines.routes import RoutesSource
from timbre_bridge.metrics import Metrics
from timbre_bridge.text import clean
from timbre_common.documents import Agent, Routes
from timbre_common.errors import EngineUnavailable, TimbreError
from timbre_common.protocol import AgentInfo, EngineInfo
from timbre_common.voiceprofile import Display

log = logging.getLogger(__name__)

PROBE_PERIOD: Final = 1.0


def _warm(routes: Routes) -> None:
    """Build the tables of the agents' languages, which take milliseconds, before somebody waits for them."""
    for language in {language for agent in routes.agents for language in agent.languages}:
        clean("1", language)


class Fleet:
    """Follows the routes document and the engines' health; calls `changed` when either changes.

    default_voice: the agent whose voice speaks for agents that the routes do not name; nobody does where it has none.
    """

    def __init__(
        self,
        source: RoutesSource,
        http: ClientSession,
        metrics: Metrics,
        changed: Callable[[], None],
        default_voice: str,
    ) -> None:
        self._source = source
        self._http = http
        self._metrics = metrics
        self._changed = changed
        self._default_voice = default_voice
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

    def agent(self, agent_id: str) -> Agent | None:
        """Who speaks for an agent; None where nobody does."""
        known = self.agents.get(agent_id)
        default = self.agents.get(self._default_voice)
        if known is not None or default is None:
            return known
        return msgspec.structs.replace(default, agent_id=agent_id, name=agent_id.capitalize(), colour=Display().colour)

    def client(self, agent: Agent) -> EngineClient:
        """The engine that serves `agent`. Raises EngineUnavailable where the routes do not name it."""
        client = self._clients.get(agent.engine)
        if client is None:
            raise EngineUnavailable(f"no engine is called {agent.engine!r}")
        return client

    async def load(self) -> None:
        """Take over the routes as they are. Raises InvalidInput."""
        await self._take(await self._source.first())

    async def follow(self) -> None:
        """Take over the routes whenever they change, until cancelled."""
        async for routes in self._source.changes():
            await self._take(routes)
            log.info("routes: %d agents, %d engines", len(self.agents), len(self._clients))

    async def _take(self, routes: Routes) -> None:
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
        gone = self._clients.get(client.name) is not client  # meanwhile: its series must not come again
        if ready != client.ready and not gone:
            client.ready = ready
            self._metrics.engine_ready.labels(client.name).set(ready)
            log.info("engine %s: %s", client.name, "ready" if ready else "away")
            self._changed()

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.close()
