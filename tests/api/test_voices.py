"""The operator's voices before a real API server and a real engine, from `kubectl apply` to Ready."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support import accounts
from support.apiserver import APPLY, MERGE, ApiServer, Refused
from support.engine_process import ADMIN_TOKEN, EngineProcess
from support.fetcher_process import FetcherProcess
from support.source_server import SourceServer
from timbre_common import documents
from timbre_operator import names
from timbre_operator.events import Events
from timbre_operator.kube import connection
from timbre_operator.kube.client import connected
from timbre_operator.metrics import Metrics
from timbre_operator.pods import Pods
from timbre_operator.queue import Key, Kind
from timbre_operator.voices.reconcile import VoicesReconcile

EXAMPLES = Path(__file__).parents[2] / "charts" / "timbre" / "examples" / "voices"
TIMBRE = "/apis/timbre.dev/v1alpha1/namespaces/{}"
CORE = "/api/v1/namespaces/{}"


class Place:
    """A namespace with a SpeechEngine `default`, one pod of it that a real engine stands for, and the reconcile."""

    def __init__(self, api: ApiServer, name: str, reconcile: VoicesReconcile) -> None:
        self.api, self.name, self.reconcile = api, name, reconcile
        self.timbre, self.core = TIMBRE.format(name), CORE.format(name)
        self.administration = ""
        """Where the pod's administration is."""

    async def settle(self, seconds: float = 60) -> None:
        """Passes until nothing waits."""
        async with asyncio.timeout(seconds):
            while (due := await self.reconcile(Key(Kind.VOICES, self.name, "default"))) is not None and due < 5:
                await asyncio.sleep(due)

    def set_up(self, token: str) -> None:
        engine = {"apiVersion": "timbre.dev/v1alpha1", "kind": "SpeechEngine", "metadata": {"name": "default"}}
        self.api.request("POST", f"{self.timbre}/speechengines", {**engine, "spec": {"backend": "espeak"}})
        metadata = {"name": names.admin_secret("default"), "annotations": {names.ROTATED: "2026-01-01T00:00:00+00:00"}}
        data = {names.TOKENS_KEY: base64.b64encode(f"{token}\n".encode()).decode()}
        self.api.request("POST", f"{self.core}/secrets", {"metadata": metadata, "data": data})
        containers = [{"name": "engine", "image": "none"}]
        pod = {"metadata": {"name": "pod", "labels": names.labels("default")}, "spec": {"containers": containers}}
        self.api.request("POST", f"{self.core}/pods", pod)
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        status = {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}], "conditions": [ready]}
        self.api.request("PATCH", f"{self.core}/pods/pod/status", {"status": status}, content=MERGE)

    def apply(self, name: str, **spec: Any) -> None:
        body = {
            "apiVersion": "timbre.dev/v1alpha1",
            "kind": "VoiceProfile",
            "metadata": {"name": name},
            "spec": {"agentID": name, "languages": ["fr"], **spec},
        }
        path = f"{self.timbre}/voiceprofiles/{name}?fieldManager=user&force=true"
        self.api.request("PATCH", path, body, content=APPLY)

    def status(self, name: str) -> Any:
        return self.api.request("GET", f"{self.timbre}/voiceprofiles/{name}")["status"]

    def condition(self, name: str, type_: str) -> tuple[str, str]:
        (condition,) = (each for each in self.status(name)["conditions"] if each["type"] == type_)
        return condition["status"], condition["reason"]

    def ready(self, name: str) -> tuple[str, str]:
        return self.condition(name, "Ready")

    def kubectl(self, *arguments: str) -> str:
        return self.api.kubectl("-n", self.name, *arguments)

    def changes(self) -> int:
        """Requests so far that may have changed something in the namespace, by the audit log."""
        lines = (json.loads(line) for line in self.api.audit.read_text().splitlines())
        changing = {"create", "update", "patch", "delete"}
        return sum(
            each["verb"] in changing and each.get("objectRef", {}).get("namespace") == self.name for each in lines
        )


@pytest.fixture
async def place(api: ApiServer, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:60].strip("-")
    api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    configuration = await connection.configuration(accounts.operator(api, name, [name]))
    async with (
        EngineProcess("--backend=espeak") as engine,
        connected(configuration, 30) as kube,
        aiohttp.ClientSession() as session,
    ):
        pods = Pods(session, url=lambda _: found.administration)
        found = Place(api, name, VoicesReconcile(kube=kube, pods=pods, events=Events(kube), metrics=Metrics()))
        found.administration = engine.admin_url
        found.set_up(ADMIN_TOKEN)
        yield found


async def test_three_agents_are_applied_and_ready(place: Place) -> None:
    place.kubectl("apply", "-f", str(EXAMPLES))
    await place.settle()
    place.kubectl("wait", "--for=condition=Ready", "--timeout=30s", "vp", "--all")
    rows = [line.split() for line in place.kubectl("get", "vp", "--no-headers").splitlines()]
    assert [row[:6] for row in rows] == [
        [name, name, "default", "True", "1/1", "Loaded"] for name in ("electra", "lisa", "renarde")
    ]
    engine = place.api.request("GET", f"{place.timbre}/speechengines/default")
    assert (engine["status"]["voices"], engine["status"]["pods"][0]["voices"]) == ("3/3", "3/3")
    routes = place.api.request("GET", f"{place.core}/configmaps/{names.ROUTES}")
    told = documents.parse_routes(routes["data"][names.ROUTES_KEY])
    assert [(agent.agent_id, agent.colour) for agent in told.agents] == [
        ("electra", "#2D7FF9"),
        ("lisa", "#27AE60"),
        ("renarde", "#D9480F"),
    ]


async def test_nothing_is_written_where_nothing_changes(place: Place) -> None:
    place.kubectl("apply", "-f", str(EXAMPLES))
    await place.settle()
    before = place.changes()
    for _ in range(5):
        await place.reconcile(Key(Kind.VOICES, place.name, "default"))
    assert place.changes() == before


async def test_a_bad_voice_is_told_apart_and_heals(place: Place) -> None:
    place.apply("good")
    place.apply("bad", blend="nobody(1)")
    place.apply("late")
    place.apply("second", agentID="good")
    await place.settle()
    assert (place.ready("good"), place.ready("late")) == (("True", "Loaded"), ("True", "Loaded"))
    assert place.ready("bad")[0] == "False"
    assert "nobody" in next(each["message"] for each in place.status("bad")["conditions"] if each["type"] == "Ready")
    taken = next(each for each in place.status("second")["conditions"] if each["type"] == "Accepted")
    assert (taken["status"], taken["reason"]) == ("False", "AgentTaken")
    assert "bad" in place.kubectl("get", "events", "-o", "jsonpath={.items[*].involvedObject.name}")
    place.apply("bad")
    place.kubectl("delete", "vp", "good", "--wait=false")
    await place.settle()
    assert (place.ready("bad"), place.ready("second")) == (("True", "Loaded"), ("True", "Loaded"))


async def test_the_fetcher_stands_before_the_engine_as_in_a_pod(place: Place, tmp_path: Path) -> None:
    async with FetcherProcess(tmp_path, place.administration) as fetcher:
        place.administration = fetcher.url
        place.apply("lisa", adapter={"path": "lisa.gguf"})
        await place.settle()
        assert place.ready("lisa") == ("True", "Loaded")
        (told,) = (await fetcher.status()).voices.values()
        assert place.status("lisa")["loadedDigest"] == told.digest
        note = next(each["message"] for each in place.status("lisa")["conditions"] if each["type"] == "Ready")
        assert note == told.reason != ""


async def test_an_adapter_that_cannot_be_fetched_is_said_though_the_voice_speaks_without_it(
    place: Place, tmp_path: Path
) -> None:
    content = b"an adapter"
    adapter = {"digest": f"sha256:{hashlib.sha256(content).hexdigest()}"}
    async with SourceServer() as source:
        source.trusted_by(tmp_path / "credentials")
        source.answers["/lisa.gguf"] = content
        allowed = [f"--allowed-hosts={source.hosts()}", "--allow-private"]
        async with FetcherProcess(tmp_path, place.administration, *allowed) as fetcher:
            place.administration = fetcher.url
            place.apply("lisa", adapter={**adapter, "http": {"url": source.url("/nothing.gguf")}})
            await place.settle()
            assert place.ready("lisa") == ("True", "Loaded")
            assert place.condition("lisa", "SourceResolved") == ("False", "SourceMissing")
            assert "SourceMissing" in place.kubectl("get", "events", "-o", "jsonpath={.items[*].reason}")
            place.apply("lisa", adapter={**adapter, "http": {"url": source.url("/lisa.gguf")}})
            await place.settle()
            assert place.condition("lisa", "SourceResolved") == ("True", "Resolved")


async def test_a_lexicon_that_the_routes_have_no_room_for_is_said_and_comes_back(place: Place) -> None:
    words = {f"{index:064}": "x" * 256 for index in range(900)}
    for index in range(1, 5):
        place.apply(f"p{index}", lexicon={**words, "0": "x" * index})
    await place.settle()
    routed = [place.condition(f"p{index}", "Routed") for index in range(1, 5)]
    assert routed == [("True", "Routed")] * 3 + [("False", "LexiconLeftOut")]
    assert {place.ready(f"p{index}") for index in range(1, 5)} == {("True", "Loaded")}
    assert place.kubectl("get", "events", "-o", "jsonpath={.items[*].involvedObject.name}").split() == ["p4"]
    place.apply("p1")
    await place.settle()
    assert {place.condition(f"p{index}", "Routed") for index in range(1, 5)} == {("True", "Routed")}


async def test_a_status_outlives_neither_its_profile_nor_its_engine(place: Place) -> None:
    place.apply("lisa")
    await place.settle()
    place.kubectl("delete", "spe", "default", "--wait=false")
    await place.settle()
    assert place.ready("lisa") == ("False", "EngineNotFound")
    with pytest.raises(Refused, match="not found"):
        place.api.request("GET", f"{place.core}/configmaps/{names.ROUTES}")
    place.kubectl("delete", "vp", "lisa", "--timeout=30s")  # no finalizer keeps it
    await place.settle()


async def test_another_managers_status_is_left_as_it_is(place: Place) -> None:
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Available",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    theirs = {
        "apiVersion": "timbre.dev/v1alpha1",
        "kind": "SpeechEngine",
        "status": {"replicas": 1, "conditions": [ready]},
    }
    path = f"{place.timbre}/speechengines/default/status?fieldManager=timbre-operator"
    place.api.request("PATCH", path, theirs, content=APPLY)
    place.apply("lisa")
    await place.settle()
    status = place.api.request("GET", f"{place.timbre}/speechengines/default")["status"]
    assert status["replicas"] == 1 and status["voices"] == "1/1"
    assert {each["type"]: each["status"] for each in status["conditions"]} == {"Ready": "True", "VoicesReady": "True"}
