"""Who speaks for an agent, and how the routes in a ConfigMap are followed."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from aiohttp import ClientSession, web
from prometheus_client import generate_latest

from timbre_bridge.engines.configmap import Api, RoutesConfigMap
from timbre_bridge.engines.fleet import Fleet
from timbre_bridge.engines.routes import RoutesSource
from timbre_bridge.metrics import Metrics
from timbre_bridge.tasks import cancel
from timbre_common.documents import Agent, Engine, Routes
from timbre_common.errors import SetupError
from timbre_common.names import ROUTES_CONFIGMAP, ROUTES_KEY

LISA = Agent(agent_id="lisa", engine="default", voice="lisa", name="Lisa", colour="#27AE60", languages=["fr"])


def routes(*agents: Agent) -> Routes:
    return Routes(agents=list(agents))


class Given:
    """Routes that the test gives."""

    async def first(self) -> Routes:
        return routes(LISA)

    async def changes(self) -> AsyncIterator[Routes]:
        for _ in ():
            yield routes()


@pytest.mark.parametrize(
    ("default", "agent_id", "voice", "name"),
    [
        ("lisa", "nemo", "lisa", "Nemo"),
        ("lisa", "lisa", "lisa", "Lisa"),
        ("absent", "nemo", None, None),
    ],
)
async def test_who_speaks_for_an_agent(default: str, agent_id: str, voice: str | None, name: str | None) -> None:
    async with ClientSession() as http:
        fleet = Fleet(Given(), http, Metrics(agents=0), lambda: None, default)
        await fleet.load()
        agent = fleet.agent(agent_id)
    assert (agent and (agent.agent_id, agent.voice, agent.name)) == (voice and (agent_id, voice, name))
    assert [info.agent_id for info in fleet.agent_infos] == ["lisa"]


class Going:
    """An engine that the routes name no more once it was asked for its health."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def first(self) -> Routes:
        return Routes(engines=[Engine("default", "http://127.0.0.1:9")], agents=[LISA])

    async def changes(self) -> AsyncIterator[Routes]:
        await self.asked.wait()
        yield Routes()


async def test_an_engine_that_goes_while_it_is_asked_leaves_no_series() -> None:
    """An alert looks at them, and nobody would ever set this one again."""
    source, metrics, gone = Going(), Metrics(agents=0), asyncio.Event()
    async with ClientSession() as http:
        fleet = Fleet(source, http, metrics, lambda: None if fleet.engines else gone.set(), "default")
        await fleet.load()
        client = fleet.client(LISA)
        client.ready = True
        answered = asyncio.Event()

        async def away() -> bool:
            source.asked.set()
            await gone.wait()
            answered.set()
            return False

        client.probe = away  # type: ignore[method-assign]
        jobs = [asyncio.create_task(job()) for job in (fleet.follow, fleet.watch_health)]
        async with asyncio.timeout(30):
            await answered.wait()
            await jobs[0]
        await asyncio.sleep(0)
        await cancel(jobs)
    assert b"timbre_bridge_engine_ready{" not in generate_latest(metrics.registry)


class ApiServer:
    """As much of an API server as a watch of one ConfigMap sees. tests/api has the real one."""

    def __init__(self) -> None:
        self.version = 0
        self.routes: Routes | None = None
        self.watches: set[asyncio.Queue[bytes | None]] = set()
        self.tokens: list[str] = []
        self.watched_from: list[str | None] = []

    def write(self, routes: Routes) -> None:
        self.write_raw(msgspec.json.encode(routes).decode(), routes)

    def write_raw(self, document: str, routes: Routes | None = None) -> None:
        kind = "ADDED" if self.routes is None else "MODIFIED"
        self.version += 1
        self.routes = routes
        self.document = document
        self.tell(kind, self._configmap())

    def tell(self, kind: str, item: dict[str, Any]) -> None:
        for watch in self.watches:
            watch.put_nowait(msgspec.json.encode({"type": kind, "object": item}) + b"\n")

    def hang_up(self) -> None:
        for watch in self.watches:
            watch.put_nowait(None)

    def _configmap(self) -> dict[str, Any]:
        return {"metadata": {"resourceVersion": str(self.version)}, "data": {ROUTES_KEY: self.document}}

    async def get(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers["Authorization"])
        return web.json_response(self._configmap()) if self.version else web.json_response({}, status=404)

    async def watch(self, request: web.Request) -> web.StreamResponse:
        assert request.query["fieldSelector"] == f"metadata.name={ROUTES_CONFIGMAP}"
        self.watched_from.append(request.query.get("resourceVersion"))
        events: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.watches.add(events)
        answer = web.StreamResponse()
        await answer.prepare(request)
        while (line := await events.get()) is not None:
            await answer.write(line)
        self.watches.discard(events)
        return answer


@asynccontextmanager
async def serving(tmp_path: Path) -> AsyncIterator[tuple[ApiServer, Api]]:
    server, app = ApiServer(), web.Application()
    app.router.add_get(f"/api/v1/namespaces/voices/configmaps/{ROUTES_CONFIGMAP}", server.get)
    app.router.add_get("/api/v1/namespaces/voices/configmaps", server.watch)
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    (tmp_path / "token").write_text("first\n")
    (tmp_path / "namespace").write_text("voices")
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port = str(runner.addresses[0][1])
    try:
        yield server, Api.of_pod({"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": port}, tmp_path)
    finally:
        server.hang_up()
        await runner.cleanup()


async def test_routes_in_a_configmap_are_followed_through_broken_documents_and_watches(tmp_path: Path) -> None:
    async with serving(tmp_path) as (server, api), asyncio.timeout(30):
        source: RoutesSource = RoutesConfigMap(api, ROUTES_CONFIGMAP)
        assert await source.first() == Routes()
        changes = source.changes()
        seen = asyncio.ensure_future(anext(changes))
        while not server.watches:
            await asyncio.sleep(0.01)
        server.write(routes(LISA))
        assert await seen == routes(LISA)

        server.write_raw("{broken")
        (tmp_path / "token").write_text("second\n")
        server.tell("ERROR", {"code": 410})
        seen = asyncio.ensure_future(anext(changes))
        while len(server.watched_from) < 2:
            await asyncio.sleep(0.01)
        server.write(routes())
        assert await seen == routes()
        assert server.watched_from == [None, "2"]
        assert server.tokens == ["Bearer first", "Bearer second"]
        server.hang_up()
        await changes.aclose()  # type: ignore[attr-defined]


def test_a_configmap_is_for_pods(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="--routes-configmap is for a pod"):
        Api.of_pod({}, tmp_path)
