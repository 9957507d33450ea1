"""The pass over an engine's voices, before an API and pods in memory."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from support.kube import MemoryKube
from support.voice_objects import NAMESPACE, engine, listed, pod, profile, told, voices
from timbre_common import documents
from timbre_common.documents import VoicesDocument, VoicesStatus, VoiceState
from timbre_common.errors import ClusterUnavailable, EngineUnavailable, TimbreError
from timbre_operator import names
from timbre_operator.events import Events
from timbre_operator.kube import Object
from timbre_operator.kube.resource import CONFIG_MAPS, PODS, SECRETS, SPEECH_ENGINES, VOICE_PROFILES
from timbre_operator.metrics import Metrics
from timbre_operator.queue import Key, Kind
from timbre_operator.resources import speechengine
from timbre_operator.voices import document
from timbre_operator.voices.reconcile import VoicesReconcile

KEY = Key(Kind.VOICES, NAMESPACE, "default")
PART = names.voices_part("default", 0)
KINDS = {"SpeechEngine": SPEECH_ENGINES, "VoiceProfile": VOICE_PROFILES}


class Engines:
    """Pods' administration by address: each takes a document as a fetcher does, and says what it is made to say."""

    def __init__(self) -> None:
        self.held: dict[str, VoicesDocument] = {}
        self.failing: dict[str, str] = {}
        """Codes by voice."""
        self.lacking: dict[str, str] = {}
        """Codes by voice that speaks without its file."""
        self.loading: set[str] = set()
        self.away: set[str] = set()
        self.told: list[tuple[str, int]] = []

    async def ask(self, address: str, tokens: Sequence[str]) -> VoicesStatus:
        assert tuple(tokens) == ("new", "old")
        if address in self.away:
            raise EngineUnavailable("its administration does not answer")
        held = self.held.get(address, VoicesDocument(generation=0, voices=[]))
        by_name = {voice.name: voice for voice in held.voices}
        states = told(held).voices
        for name in by_name.keys() & self.failing.keys():
            states[name] = listed(by_name[name], VoiceState.FAILED, self.failing[name], "why")
        for name in by_name.keys() & self.lacking.keys():
            states[name] = listed(by_name[name], VoiceState.READY, self.lacking[name], "why")
        for name in by_name.keys() & self.loading:
            states[name] = listed(by_name[name], VoiceState.LOADING)
        return VoicesStatus(generation=held.generation, voices=states)

    async def tell(self, address: str, tokens: Sequence[str], wanted: VoicesDocument) -> VoicesStatus:
        if address not in self.away:
            self.told.append((address, wanted.generation))
            held = self.held.get(address)
            if held is None or wanted.generation > held.generation or _lost_some_of(held, wanted):
                self.held[address] = wanted
        return await self.ask(address, tokens)


def _lost_some_of(held: VoicesDocument, wanted: VoicesDocument) -> bool:
    return held.generation == wanted.generation and all(voice in wanted.voices for voice in held.voices)


class World:
    """A namespace, its pods, and the reconcile."""

    def __init__(self, *objects: Object, pods: Sequence[Object] = ()) -> None:
        self.kube, self.engines, self.metrics = MemoryKube(), Engines(), Metrics()
        for obj in objects:
            self.kube.put(obj, KINDS[obj["kind"]])
        for each in pods:
            self.kube.put(each, PODS)
        data = {names.TOKENS_KEY: base64.b64encode(b"new\nold\n").decode()}
        annotations = {names.ROTATED: "2026-01-01T00:00:00+00:00"}
        metadata = {"name": names.admin_secret("default"), "namespace": NAMESPACE, "annotations": annotations}
        self.kube.put({"metadata": metadata, "data": data}, SECRETS)
        self.now = 0.0
        self.reconcile = VoicesReconcile(
            kube=self.kube,
            pods=self.engines,
            events=Events(self.kube),
            metrics=self.metrics,
            clock=lambda: datetime(2026, 1, 2, tzinfo=UTC),
            monotonic=lambda: self.now,
        )

    async def go(self) -> float | None:
        """One pass; what was requested before is forgotten."""
        self.kube.requests.clear()
        return await self.reconcile(KEY)

    def get(self, plural: str, name: str) -> Any:
        return self.kube.objects[plural, NAMESPACE, name]

    def condition(self, name: str, type_: str) -> tuple[str, str]:
        (found,) = (each for each in self.get("voiceprofiles", name)["status"]["conditions"] if each["type"] == type_)
        return found["status"], found["reason"]

    def ready(self, name: str) -> tuple[str, str]:
        return self.condition(name, "Ready")

    def change(self, name: str, **spec: Any) -> None:
        obj = self.get("voiceprofiles", name)
        obj["spec"] |= spec
        obj["metadata"]["generation"] += 1

    def document(self) -> VoicesDocument:
        maps = {name: obj for (plural, _, name), obj in self.kube.objects.items() if plural == "configmaps"}
        found = document.stored_document(maps, "default")
        assert found is not None
        return found

    def routes(self) -> documents.Routes:
        return documents.parse_routes(self.get("configmaps", names.ROUTES)["data"][names.ROUTES_KEY])


A, B = profile("a", age=2), profile("b", age=1)
POD, OTHER = pod("p", "10.0.0.1"), pod("q", "10.0.0.2")


async def test_voices_come_to_every_pod_and_are_ready_in_one_pass() -> None:
    world = World(engine(), A, B, pods=[POD, OTHER])
    assert await world.go() == 30.0
    assert world.document() == voices(A, B)
    assert world.engines.held == {"10.0.0.1": voices(A, B), "10.0.0.2": voices(A, B)}
    assert [world.ready("a"), world.ready("b")] == [("True", "Loaded")] * 2
    assert world.get("voiceprofiles", "a")["status"]["loaded"] == "2/2"
    assert world.get("speechengines", "default")["status"]["voices"] == "2/2"
    assert [agent.agent_id for agent in world.routes().agents] == ["a", "b"]
    assert 'timbre_operator_voices{state="ready"} 2.0' in world.metrics.exposition().decode()


async def test_nothing_is_written_or_told_where_nothing_changed() -> None:
    world = World(engine(), A, B, pods=[POD])
    await world.go()
    world.engines.told.clear()
    for _ in range(3):
        world.now += 60
        await world.go()
        assert world.kube.writes() == []
    assert world.engines.told == []


async def test_a_changed_voice_writes_the_document_once_and_only_its_own_status() -> None:
    world = World(engine(), A, B, pods=[POD])
    await world.go()
    world.change("a", prosody={"speed": 1.5})
    await world.go()
    assert world.document().generation == 2
    written = [(plural, name) for _, plural, name in world.kube.writes()]
    assert written == [("configmaps", PART), ("voiceprofiles", "a"), ("speechengines", "default")]


async def test_one_bad_voice_never_blocks_another_and_is_tried_again_now_and_then() -> None:
    world = World(engine(), A, B, pods=[POD])
    world.engines.failing = {"a": "file_missing"}
    assert await world.go() == 10.0
    assert (world.ready("a"), world.ready("b")) == (("False", "FileMissing"), ("True", "Loaded"))
    assert ("patch", "events") in {(verb, plural) for verb, plural, _ in world.kube.requests}
    assert 'timbre_operator_problems{reason="FileMissing"} 1.0' in world.metrics.exposition().decode()
    world.engines.told.clear()
    for now, tries in ((1, 1), (5, 1), (10.5, 1), (11.5, 2), (30, 3)):
        world.now = now
        await world.go()
        assert len(world.engines.told) == tries, now
        assert world.kube.writes() == []
    world.engines.failing = {}
    await world.go()
    assert world.ready("a") == ("True", "Loaded")
    assert 'timbre_operator_problems{reason="FileMissing"} 0.0' in world.metrics.exposition().decode()


async def test_voices_on_their_way_are_looked_at_soon_and_then_less_often() -> None:
    world = World(engine(), A, pods=[POD])
    world.engines.loading = {"a"}
    assert [await world.go() for _ in range(4)] == [0.25, 0.5, 1.0, 1.0]
    assert world.ready("a") == ("False", "Loading")
    world.engines.loading = set()
    assert await world.go() == 30.0
    assert world.ready("a") == ("True", "Loaded")


async def test_a_pod_that_does_not_answer_never_keeps_the_others() -> None:
    world = World(engine(), A, pods=[POD, OTHER])
    world.engines.away = {"10.0.0.1"}
    assert await world.go() == 10.0
    assert world.engines.held == {"10.0.0.2": voices(A)}
    assert world.ready("a") == ("False", "PodUnreachable")
    assert world.get("speechengines", "default")["status"]["pods"][0]["reason"] == "its administration does not answer"
    events = [obj for (plural, _, _), obj in world.kube.objects.items() if plural == "events"]
    assert [(each["involvedObject"]["kind"], each["reason"]) for each in events] == [("SpeechEngine", "PodUnreachable")]
    world.engines.away = set()
    await world.go()
    assert world.ready("a") == ("True", "Loaded")


async def test_a_replaced_pod_and_an_engine_that_lost_a_voice_are_told_again() -> None:
    world = World(engine(), A, B, pods=[POD])
    await world.go()
    world.engines.held.clear()
    await world.go()
    assert world.engines.held["10.0.0.1"] == voices(A, B)
    world.engines.held["10.0.0.1"] = voices(A)
    await world.go()
    assert world.engines.held["10.0.0.1"] == voices(A, B)


async def test_lost_config_maps_come_back_above_what_pods_follow() -> None:
    world = World(engine(), A, pods=[POD])
    for speed in (1.1, 1.2, 1.3):
        await world.go()
        world.change("a", prosody={"speed": speed})
    await world.go()
    before = world.document().generation
    del world.kube.objects["configmaps", NAMESPACE, PART]
    await world.go()
    assert world.document().generation == before + 1
    assert world.ready("a") == ("True", "Loaded")


async def test_other_voices_of_the_same_generation_are_told_with_a_higher_one() -> None:
    """Such as after the ConfigMaps were lost and a voice changed while no pod answered: it would take nothing else."""
    world = World(engine(), A, pods=[POD])
    await world.go()
    del world.kube.objects["configmaps", NAMESPACE, PART]
    world.change("a", prosody={"speed": 1.5})
    world.engines.away = {"10.0.0.1"}
    await world.go()
    assert world.document().generation == world.engines.held["10.0.0.1"].generation
    world.engines.away = set()
    await world.go()
    assert world.ready("a") == ("True", "Loaded")
    assert world.engines.held["10.0.0.1"] == world.document()
    await world.go()
    assert world.kube.writes() == []


async def test_a_pod_that_always_lists_others_is_not_told_ever_higher_generations() -> None:
    """Such as an engine that counts digests another way: each document that is written leads to another pass."""
    world = World(engine(), A, pods=[POD])
    ask = world.engines.ask

    async def others(address: str, tokens: Sequence[str]) -> VoicesStatus:
        found = await ask(address, tokens)
        voices = {name: msgspec.structs.replace(each, digest="another") for name, each in found.voices.items()}
        return VoicesStatus(generation=found.generation, voices=voices)

    world.engines.ask = others  # type: ignore[method-assign]
    for _ in range(10):
        await world.go()
    assert world.document().generation <= 3
    assert world.kube.writes() == []


async def test_parts_that_are_left_over_go() -> None:
    world = World(engine(), A, pods=[POD])
    owner = speechengine.parse(world.get("speechengines", "default"))
    many = [profile(f"x{index}", speaker=base64.b64encode(bytes([index] * 30)).decode()) for index in range(40)]
    for index, obj in enumerate(document.config_maps(owner, voices(*many, generation=9))):
        obj["metadata"]["name"] = names.voices_part("default", index + 1)
        world.kube.put(obj, CONFIG_MAPS)
    await world.go()
    assert ("configmaps", NAMESPACE, names.voices_part("default", 1)) not in world.kube.objects
    assert world.document().voices == voices(A).voices


async def test_a_config_map_of_somebody_else_is_left_alone() -> None:
    world = World(engine(), A, pods=[POD])
    theirs = world.kube.put({"metadata": {"name": PART, "namespace": NAMESPACE}, "data": {"a": "b"}}, CONFIG_MAPS)
    await world.go()
    assert world.get("configmaps", PART) == theirs
    assert world.ready("a") == ("False", "NameConflict")
    assert world.engines.told == []
    del world.kube.objects["configmaps", NAMESPACE, PART]
    await world.go()
    assert world.ready("a") == ("True", "Loaded")


async def test_routes_of_somebody_else_are_left_alone() -> None:
    world = World(engine(), A, pods=[POD])
    theirs = world.kube.put({"metadata": {"name": names.ROUTES, "namespace": NAMESPACE}}, CONFIG_MAPS)
    await world.go()
    assert world.get("configmaps", names.ROUTES) == theirs
    assert (world.ready("a"), world.condition("a", "Routed")) == (("True", "Loaded"), ("False", "NameConflict"))
    events = [obj for (plural, _, _), obj in world.kube.objects.items() if plural == "events"]
    assert [(each["involvedObject"]["kind"], each["reason"]) for each in events] == [("SpeechEngine", "NameConflict")]
    del world.kube.objects["configmaps", NAMESPACE, names.ROUTES]
    await world.go()
    assert world.condition("a", "Routed") == ("True", "Routed")


async def test_a_lexicon_that_the_routes_have_no_room_for_is_said_and_comes_back() -> None:
    words = {f"{index:064}": "x" * 256 for index in range(900)}
    many = [profile(f"p{index}", lexicon={**words, "0": "x" * index}) for index in range(1, 5)]
    world = World(engine(), *many, pods=[POD])
    await world.go()
    routed = [world.condition(each["metadata"]["name"], "Routed") for each in many]
    assert routed == [("True", "Routed")] * 3 + [("False", "LexiconLeftOut")]
    assert {world.ready(each["metadata"]["name"]) for each in many} == {("True", "Loaded")}
    assert 'timbre_operator_problems{reason="LexiconLeftOut"} 1.0' in world.metrics.exposition().decode()
    told = [obj for (plural, _, _), obj in world.kube.objects.items() if plural == "events"]
    assert [(each["involvedObject"]["name"], each["reason"]) for each in told] == [("p4", "LexiconLeftOut")]
    world.change("p4", lexicon={})
    await world.go()
    assert {world.condition(each["metadata"]["name"], "Routed") for each in many} == {("True", "Routed")}


async def test_a_file_that_cannot_be_fetched_is_said_of_a_voice_that_speaks_without_it() -> None:
    world = World(engine(), A, pods=[POD])
    world.change("a", adapter={"http": {"url": "https://a.b/c"}, "digest": f"sha256:{'0' * 64}"})
    world.engines.lacking = {"a": "source_missing"}
    await world.go()
    assert (world.ready("a"), world.condition("a", "SourceResolved")) == (
        ("True", "Loaded"),
        ("False", "SourceMissing"),
    )
    assert 'timbre_operator_problems{reason="SourceMissing"} 1.0' in world.metrics.exposition().decode()
    assert [obj["reason"] for (plural, _, _), obj in world.kube.objects.items() if plural == "events"] == [
        "SourceMissing"
    ]
    world.engines.lacking = {"a": "fetching"}
    assert await world.go() == 0.25, "it is looked at again soon"
    world.engines.lacking = {}
    await world.go()
    assert world.condition("a", "SourceResolved") == ("True", "Resolved")


async def test_without_the_engine_profiles_say_so_and_the_routes_go() -> None:
    world = World(engine(), A, pods=[POD])
    await world.go()
    del world.kube.objects["speechengines", NAMESPACE, "default"]
    assert await world.go() is None
    assert world.ready("a") == ("False", "EngineNotFound")
    assert ("configmaps", NAMESPACE, names.ROUTES) not in world.kube.objects
    assert await world.go() is None
    assert world.kube.writes() == []


@pytest.mark.parametrize(
    ("spec", "pods", "reason"),
    [
        ({"replicas": 0}, [], "EngineScaledToZero"),
        ({}, [], "EngineNotReady"),
        ({"replicas": "many"}, [POD], "EngineNotReady"),
        ({}, [pod("p", "10.0.0.1", ready=False)], "EngineNotReady"),
    ],
)
async def test_an_engine_without_ready_pods_speaks_nothing(
    spec: dict[str, Any], pods: list[Object], reason: str
) -> None:
    world = World(engine(**spec), A, pods=pods)
    await world.go()
    assert world.ready("a") == ("False", reason)
    assert not any(plural == "events" for _, plural, _ in world.kube.requests)


async def test_a_profile_that_goes_is_unloaded_and_one_that_is_suspended_too() -> None:
    world = World(engine(), A, B, pods=[POD])
    await world.go()
    del world.kube.objects["voiceprofiles", NAMESPACE, "b"]
    world.change("a", suspend=True)
    await world.go()
    assert world.engines.held["10.0.0.1"].voices == []
    assert world.ready("a") == ("False", "Suspended")
    assert world.routes().agents == []


async def test_a_pass_that_breaks_off_at_any_request_is_made_good_by_the_next() -> None:
    whole = World(engine(), A, B, pods=[POD, OTHER])
    await whole.go()
    for place in range(len(whole.kube.requests)):
        world = World(engine(), A, B, pods=[POD, OTHER])
        passed = 0

        def fail(_verb: str, _plural: str, place: int = place) -> TimbreError | None:
            nonlocal passed
            passed += 1
            return ClusterUnavailable("away") if passed == place + 1 else None

        world.kube.fail = fail
        with pytest.raises(ClusterUnavailable):
            await world.go()
        world.kube.fail = lambda *_: None
        await world.go()
        assert [world.ready("a"), world.ready("b")] == [("True", "Loaded")] * 2
        assert world.document().voices == voices(A, B).voices
        assert len(world.routes().agents) == 2


async def test_two_operators_by_mistake_agree() -> None:
    world = World(engine(), A, pods=[POD])
    other = World()
    second = VoicesReconcile(
        kube=world.kube,
        pods=world.engines,
        events=Events(world.kube),
        metrics=other.metrics,
        clock=world.reconcile.clock,
    )
    await world.go()
    await second(KEY)
    world.kube.requests.clear()
    await second(KEY)
    await world.reconcile(KEY)
    assert world.kube.writes() == []
    assert world.document().generation == 1
