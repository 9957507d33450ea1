"""The pass over a SpeechEngine's objects, over an API in memory: what it writes, and when it writes nothing."""

import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.kube import MemoryKube
from support.speech_engine import UID, live
from timbre_common.errors import ClusterUnavailable, Conflict, Forbidden, InvalidInput, TimbreError
from timbre_operator.engines.reconcile import EngineReconcile
from timbre_operator.events import Events
from timbre_operator.kube import Object, Resource
from timbre_operator.kube.resource import (
    AUTOSCALERS,
    CLAIMS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    SCALED_OBJECTS,
    SECRETS,
    SERVICES,
    SPEECH_ENGINES,
)
from timbre_operator.metrics import Metrics
from timbre_operator.queue import Key, Kind

KEY = Key(Kind.ENGINE, "agents", "default")


@dataclass
class Cluster:
    """A pass and all that it meets."""

    kube: MemoryKube = field(default_factory=MemoryKube)
    has_keda: bool = False
    now: datetime = datetime(2026, 11, 28, tzinfo=UTC)
    metrics: Metrics = field(default_factory=Metrics)

    async def keda(self) -> bool:
        return self.has_keda

    def __post_init__(self) -> None:
        self._pass = EngineReconcile(
            kube=self.kube,
            events=Events(self.kube, lambda: self.now),
            metrics=self.metrics,
            capabilities=self,
            image="engine:1",
            prometheus="http://prometheus",
            clock=lambda: self.now,
        )

    def engine(self, **spec: Any) -> None:
        before = self.kube.objects.get(("speechengines", "agents", "default"), {})
        self.kube.put({**live(**spec), "status": before.get("status", {})}, SPEECH_ENGINES)

    async def run(self) -> float | None:
        self.kube.requests.clear()
        return await self._pass(KEY)

    def found(self, resource: Resource, name: str = "default-speech") -> Object | None:
        return self.kube.objects.get((resource.plural, "agents", name))

    def condition(self, type_: str) -> Object:
        [found] = [each for each in self.status()["conditions"] if each["type"] == type_]
        return dict(found)

    def status(self) -> Object:
        status: Object = self.kube.objects["speechengines", "agents", "default"]["status"]
        return status

    def told(self) -> str:
        return self.metrics.exposition().decode()


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def kinds(cluster: Cluster) -> set[str]:
    return {plural for plural, _, _ in cluster.kube.objects} - {"speechengines", "events"}


async def test_a_second_pass_writes_nothing(cluster: Cluster) -> None:
    cluster.engine(replicas=2)
    await cluster.run()
    assert kinds(cluster) == {"secrets", "serviceaccounts", "services", "deployments", "poddisruptionbudgets"}
    before = copy.deepcopy(cluster.kube.objects)
    await cluster.run()
    assert cluster.kube.writes() == [] and cluster.kube.objects == before


async def test_what_was_changed_or_deleted_comes_back(cluster: Cluster) -> None:
    cluster.engine()
    await cluster.run()
    deployment = cluster.kube.objects["deployments", "agents", "default-speech"]
    wanted = copy.deepcopy(deployment["spec"])
    deployment["spec"]["replicas"] = 7
    [entry] = deployment["metadata"]["managedFields"]
    taken = entry["fieldsV1"]["f:spec"].pop("f:replicas")
    deployment["metadata"]["managedFields"].append(
        {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:spec": {"f:replicas": taken}}}
    )
    del cluster.kube.objects["services", "agents", "default-speech-pods"]
    await cluster.run()
    assert cluster.kube.objects["deployments", "agents", "default-speech"]["spec"] == wanted
    assert cluster.found(SERVICES, "default-speech-pods")
    assert [each[:2] for each in cluster.kube.writes()] == [("patch", "services"), ("patch", "deployments")]


async def test_what_is_wanted_no_more_goes_and_of_two_autoscalers_the_old_one_first(cluster: Cluster) -> None:
    cluster.engine(autoscaling={"maxReplicas": 3})
    await cluster.run()
    assert cluster.found(AUTOSCALERS) and cluster.found(DISRUPTION_BUDGETS) and not cluster.found(SCALED_OBJECTS)
    cluster.has_keda = True
    await cluster.run()
    assert cluster.found(SCALED_OBJECTS) and not cluster.found(AUTOSCALERS)
    order = [each[:2] for each in cluster.kube.writes()]
    assert order.index(("delete", "horizontalpodautoscalers")) < order.index(("patch", "scaledobjects"))
    cluster.engine(replicas=1)
    await cluster.run()
    assert not cluster.found(SCALED_OBJECTS) and not cluster.found(DISRUPTION_BUDGETS)


async def test_replicas_are_held_while_they_pass_to_an_autoscaler(cluster: Cluster) -> None:
    cluster.engine(replicas=4)
    await cluster.run()
    cluster.engine(autoscaling={"maxReplicas": 9})
    await cluster.run()
    deployment = cluster.kube.objects["deployments", "agents", "default-speech"]
    assert deployment["spec"]["replicas"] == 4
    holders = [
        each["manager"]
        for each in deployment["metadata"]["managedFields"]
        if "f:replicas" in each["fieldsV1"].get("f:spec", {})
    ]
    assert holders == ["timbre-operator-replicas"]
    await cluster.run()
    assert cluster.kube.writes() == []


async def test_what_a_speech_engine_of_that_name_left_behind_is_waited_for(cluster: Cluster) -> None:
    """Deleted and applied again: garbage collection takes a moment, and nobody has to be told."""
    cluster.engine()
    await cluster.run()
    cluster.kube.objects["speechengines", "agents", "default"]["metadata"]["uid"] = "its successor"
    await cluster.run()
    assert cluster.condition("Degraded")["reason"] != "NameConflict"
    assert "events" not in {plural for plural, _, _ in cluster.kube.objects}
    for key in [key for key in cluster.kube.objects if key[0] != "speechengines"]:
        del cluster.kube.objects[key]
    await cluster.run()
    made = [obj for (plural, _, _), obj in cluster.kube.objects.items() if plural not in ("speechengines", "events")]
    assert made
    assert {owner["uid"] for obj in made for owner in obj["metadata"]["ownerReferences"]} == {"its successor"}


@pytest.mark.parametrize(
    "owners", [[], [{"uid": "another", "kind": "SpeechEngine", "name": "another", "controller": True}]]
)
async def test_what_it_does_not_own_is_left_alone_and_said(cluster: Cluster, owners: list[Object]) -> None:
    alien = {"metadata": {"name": "default-speech", "namespace": "agents", "ownerReferences": owners}, "data": 1}
    cluster.kube.put(alien, DEPLOYMENTS)
    cluster.engine()
    again = await cluster.run()
    found = cluster.found(DEPLOYMENTS)
    assert found and found["data"] == 1 and "spec" not in found
    assert cluster.found(SERVICES), "the rest is made nevertheless"
    assert cluster.condition("Degraded")["reason"] == "NameConflict"
    assert "Deployment default-speech" in cluster.condition("Degraded")["message"]
    assert 'timbre_operator_problems{reason="NameConflict"} 1.0' in cluster.told()
    [event] = [obj for (plural, _, _), obj in cluster.kube.objects.items() if plural == "events"]
    assert event["reason"] == "NameConflict" and event["involvedObject"]["uid"] == UID
    assert again is not None and again <= 60

    del cluster.kube.objects["deployments", "agents", "default-speech"]
    await cluster.run()
    assert cluster.condition("Degraded")["reason"] != "NameConflict"
    assert 'timbre_operator_problems{reason="NameConflict"} 0.0' in cluster.told()


@pytest.mark.parametrize(
    ("error", "reason"), [(InvalidInput("affinity is wrong"), "Refused"), (Forbidden("no right"), "Forbidden")]
)
async def test_one_object_that_is_refused_stops_no_other(cluster: Cluster, error: TimbreError, reason: str) -> None:
    cluster.kube.fail = lambda verb, plural: error if (verb, plural) == ("patch", "services") else None
    cluster.engine(replicas=2)
    await cluster.run()
    assert cluster.found(DEPLOYMENTS) and cluster.found(DISRUPTION_BUDGETS)
    assert cluster.condition("Degraded")["reason"] == reason
    cluster.kube.fail = lambda *_: None
    await cluster.run()
    assert cluster.found(SERVICES) and cluster.condition("Degraded")["reason"] != reason


@pytest.mark.parametrize("error", [ClusterUnavailable("away"), Conflict("changed")])
async def test_what_passes_by_itself_is_left_to_the_queue(cluster: Cluster, error: TimbreError) -> None:
    cluster.kube.fail = lambda verb, _: error if verb == "patch" else None
    cluster.engine()
    with pytest.raises(type(error)):
        await cluster.run()


async def test_a_spec_that_it_does_not_understand_is_said_and_changes_nothing(cluster: Cluster) -> None:
    cluster.engine(slots="many")
    await cluster.run()
    assert kinds(cluster) == set()
    ready = cluster.condition("Ready")
    assert ready["reason"] == "Invalid" and "spec.slots" in ready["message"]


async def test_a_speech_engine_that_has_gone_is_forgotten_and_nothing_is_deleted(cluster: Cluster) -> None:
    cluster.engine(adaptersVolume={"persistentVolumeClaim": {"claimName": "none"}})
    await cluster.run()
    assert 'timbre_operator_problems{reason="VolumeUnusable"} 1.0' in cluster.told()
    del cluster.kube.objects["speechengines", "agents", "default"]
    assert await cluster.run() is None
    assert cluster.kube.writes() == [], "children go by their ownerReferences"
    assert 'timbre_operator_problems{reason="VolumeUnusable"} 0.0' in cluster.told()


async def test_a_missing_claim_is_said_and_heals_when_it_comes(cluster: Cluster) -> None:
    cluster.engine(adaptersVolume={"persistentVolumeClaim": {"claimName": "shared"}})
    again = await cluster.run()
    assert cluster.condition("Degraded")["reason"] == "VolumeUnusable" and again == 60
    claim = {"metadata": {"name": "shared", "namespace": "agents"}, "spec": {"accessModes": ["ReadWriteMany"]}}
    cluster.kube.put(claim, CLAIMS)
    await cluster.run()
    assert cluster.condition("Degraded")["reason"] == "PodsNotReady"


async def test_tokens_are_renewed_at_their_time_and_the_pass_asks_for_it(cluster: Cluster) -> None:
    cluster.engine(adminTokenRotationDays=2)
    await cluster.run()
    first = cluster.found(SECRETS, "default-speech-admin")
    cluster.now += timedelta(days=2, seconds=-20)
    assert await cluster.run() == 20
    assert cluster.found(SECRETS, "default-speech-admin") == first
    cluster.now += timedelta(seconds=20)
    await cluster.run()
    second = cluster.found(SECRETS, "default-speech-admin")
    assert first and second and first["data"] != second["data"]
    assert [each[1] for each in cluster.kube.writes()] == ["secrets"], "and no pod restarts for it"


async def test_a_secret_that_went_unseen_is_back_within_a_minute(cluster: Cluster) -> None:
    cluster.engine()
    assert await cluster.run() == 60
    del cluster.kube.objects["secrets", "agents", "default-speech-admin"]
    await cluster.run()
    assert cluster.found(SECRETS, "default-speech-admin")


async def test_an_operator_with_another_default_image_restarts_nothing() -> None:
    cluster = Cluster()
    cluster.engine()
    await cluster.run()
    newer = EngineReconcile(
        kube=cluster.kube,
        events=Events(cluster.kube),
        metrics=Metrics(),
        capabilities=cluster,
        image="engine:2",
        clock=lambda: cluster.now,
    )
    cluster.kube.requests.clear()
    await newer(KEY)
    assert cluster.kube.writes() == []
    deployment = cluster.found(DEPLOYMENTS)
    assert deployment and deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "engine:1"
