"""The bridge follows the routes in a ConfigMap of a real API server, with no more rights than it needs."""

import asyncio
import json
from pathlib import Path

import msgspec

from support import accounts
from support.apiserver import APPLY, ApiServer
from timbre_bridge.engines.configmap import Api, RoutesConfigMap
from timbre_common.documents import Agent, Routes
from timbre_common.names import ROUTES_CONFIGMAP, ROUTES_KEY

NAMESPACE = "routes"
CONFIGMAP = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{ROUTES_CONFIGMAP}"


def agent(name: str) -> Agent:
    return Agent(agent_id=name, engine="default", voice=name, name=name, colour="#888888", languages=["fr"])


def write(api: ApiServer, document: str) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": ROUTES_CONFIGMAP}}
    path = f"{CONFIGMAP}?fieldManager=test&force=true"
    api.request("PATCH", path, {**body, "data": {ROUTES_KEY: document}}, content=APPLY)


def account(api: ApiServer, folder: Path) -> Api:
    """A ServiceAccount that may follow the one ConfigMap, as a pod has it."""
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    (folder / "token").write_text(accounts.bridge(api, NAMESPACE))
    return Api(api.url, NAMESPACE, folder / "token", api.kubeconfig.parent / "ca.pem")


async def test_routes_are_followed_from_before_they_are_there(api: ApiServer, tmp_path: Path) -> None:
    source = RoutesConfigMap(account(api, tmp_path), ROUTES_CONFIGMAP)
    assert await source.first() == Routes()
    seen: asyncio.Queue[Routes] = asyncio.Queue()

    async def follow() -> None:
        async for routes in source.changes():
            seen.put_nowait(routes)

    following = asyncio.create_task(follow())
    try:
        async with asyncio.timeout(120):
            for document, expected in (
                (Routes(agents=[agent("lisa")]), ["lisa"]),
                (Routes(agents=[agent("lisa"), agent("electra")]), ["lisa", "electra"]),
            ):
                await asyncio.to_thread(write, api, msgspec.json.encode(document).decode())
                assert [each.agent_id for each in (await seen.get()).agents] == expected
            await asyncio.to_thread(write, api, "{broken")
            await asyncio.to_thread(api.request, "DELETE", CONFIGMAP)
            await asyncio.to_thread(write, api, json.dumps({"engines": [], "agents": []}))
            assert (await seen.get()).agents == []
            assert seen.empty()
    finally:
        following.cancel()
        await asyncio.wait([following])
