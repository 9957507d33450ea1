"""What is amiss, and what the status says of it, as tables."""

from datetime import UTC, datetime
from typing import Any

import pytest

from support.speech_engine import live, speech_engine
from timbre_operator import conditions, names
from timbre_operator.engines import status, troubles
from timbre_operator.engines.troubles import Trouble
from timbre_operator.kube import Object
from timbre_operator.reasons import EngineReason

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SHARED = {"adaptersVolume": {"persistentVolumeClaim": {"claimName": "shared"}}}


def pod(name: str = "p", conditions_: Any = (), **containers: Any) -> Object:
    statuses = [{"name": name_.replace("_", "-"), **state} for name_, state in containers.items()]
    return {"metadata": {"name": name}, "status": {"conditions": list(conditions_), "containerStatuses": statuses}}


def waiting(reason: str, message: str = "", ended: dict[str, Any] | None = None) -> Object:
    return {"state": {"waiting": {"reason": reason, "message": message}}, "lastState": {"terminated": ended or {}}}


REFUSED = {"reason": "Error", "exitCode": 3, "message": "the model is sha256:a, and sha256:b is wanted"}
RESTARTED = {"state": {"running": {}}, "lastState": {"terminated": REFUSED}}


@pytest.mark.parametrize(
    ("found", "reason", "words"),
    [
        ([], None, ""),
        ([pod(engine={"state": {"running": {}}})], None, ""),
        ([pod(engine=waiting("ContainerCreating"))], None, ""),
        ([pod(engine=waiting("PodInitializing"))], None, ""),
        ([pod(engine=waiting("ImagePullBackOff", "no such image"))], EngineReason.IMAGE_UNAVAILABLE, "no such image"),
        ([pod(engine=waiting("ErrImageNeverPull"))], EngineReason.IMAGE_UNAVAILABLE, "ErrImageNeverPull"),
        (
            [pod(engine=waiting("CrashLoopBackOff", "back-off", {"reason": "OOMKilled", "exitCode": 137}))],
            EngineReason.CRASHING,
            "OOMKilled 137",
        ),
        ([pod(engine=waiting("CreateContainerConfigError", "secret"))], EngineReason.POD_REFUSED, "secret"),
        (
            [pod(engine=waiting("CrashLoopBackOff", "back-off", {"exitCode": 1, "message": "no model.json"}))],
            EngineReason.CRASHING,
            "status 1: no model.json",
        ),
        (
            [pod(engine=waiting("CrashLoopBackOff", "back-off", REFUSED))],
            EngineReason.MODEL_MISMATCH,
            "sha256:b is wan",
        ),
        ([pod(engine={"state": {"terminated": REFUSED}})], EngineReason.MODEL_MISMATCH, "sha256:b is wanted"),
        ([pod(engine={**RESTARTED, "started": False})], EngineReason.MODEL_MISMATCH, "sha256:b is wanted"),
        ([pod(engine={**RESTARTED, "started": True})], None, ""),
        ([pod(engine={"state": {"terminated": {"exitCode": 3}}})], EngineReason.MODEL_MISMATCH, "its log says more"),
        ([pod(fetcher={"state": {"terminated": {"exitCode": 3}}})], None, ""),
        (
            [pod("a"), pod("b", [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes: no GPU"}])],
            EngineReason.UNSCHEDULABLE,
            "pod b: 0/1 nodes: no GPU",
        ),
    ],
)
def test_trouble_of_pods(found: list[Object], reason: EngineReason | None, words: str) -> None:
    trouble = troubles.of_pods(found)
    assert (trouble and trouble.reason) == reason
    assert words in (trouble.message if trouble else "")


def claim(*modes: str, phase: str = "Bound") -> Object:
    return {"spec": {"accessModes": list(modes)}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("spec", "found", "all_ready", "words"),
    [
        ({}, {}, False, None),
        (SHARED, {"shared": None}, True, "no PersistentVolumeClaim shared"),
        (SHARED, {"shared": claim("ReadWriteMany")}, False, None),
        (SHARED, {"shared": claim("ReadWriteMany", phase="Lost")}, True, "lost"),
        (SHARED, {"shared": claim("ReadWriteOnce")}, False, None),
        ({**SHARED, "replicas": 2}, {"shared": claim("ReadWriteOnce")}, False, "one node"),
        ({**SHARED, "replicas": 2}, {"shared": claim("ReadWriteOnce")}, True, None),
        ({**SHARED, "replicas": 2}, {"shared": claim("ReadWriteOncePod")}, True, "one pod"),
        ({**SHARED, "autoscaling": {"maxReplicas": 2}}, {"shared": claim("ReadWriteOncePod")}, True, "one pod"),
        (SHARED, {"shared": claim("ReadOnlyMany")}, True, None),
        ({**SHARED, "sources": {"allowedHosts": ["h"]}}, {"shared": claim("ReadOnlyMany")}, True, "read-only"),
        (
            {"backend": "qwen3tts", "model": {"persistentVolumeClaim": {"claimName": "weights"}}},
            {"weights": None},
            True,
            "no PersistentVolumeClaim weights",
        ),
    ],
)
def test_trouble_of_volumes(
    spec: dict[str, Any], found: dict[str, Object | None], all_ready: bool, words: str | None
) -> None:
    trouble = troubles.of_claims(speech_engine(**spec), found, all_ready=all_ready)
    assert (trouble is None) == (words is None)
    if trouble is not None:
        assert trouble.reason is EngineReason.VOLUME_UNUSABLE and str(words) in trouble.message


def test_trouble_of_what_makes_and_scales_pods() -> None:
    assert troubles.of_deployment(None) is None and troubles.of_autoscaler(None) is None
    refused = {"type": "ReplicaFailure", "status": "True", "message": "violates PodSecurity"}
    assert troubles.of_deployment({"status": {"conditions": [refused]}}) == Trouble(
        EngineReason.POD_REFUSED, "violates PodSecurity"
    )
    for kind in ("ScalingActive", "Ready"):
        blind = {"type": kind, "status": "False", "reason": "FailedGetMetric", "message": "no metrics API"}
        assert troubles.of_autoscaler({"status": {"conditions": [blind]}}) == Trouble(
            EngineReason.AUTOSCALING_BLIND, "no metrics API"
        )
    disabled = {"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled"}
    assert troubles.of_autoscaler({"status": {"conditions": [disabled]}}) is None


def deployment(wanted: int, ready: int) -> Object:
    return {"spec": {"replicas": wanted}, "status": {"replicas": wanted, "readyReplicas": ready}}


TROUBLE = Trouble(EngineReason.CRASHING, "pod p: it crashes")


@pytest.mark.parametrize(
    ("seen", "found", "ready", "degraded"),
    [
        (None, [TROUBLE], ("False", "Crashing"), ("True", "Crashing")),
        (None, [], ("False", "PodsNotReady"), ("True", "PodsNotReady")),
        (deployment(0, 0), [], ("False", "ScaledToZero"), ("False", "AsWanted")),
        (deployment(2, 2), [], ("True", "Available"), ("False", "AsWanted")),
        (deployment(2, 1), [], ("False", "PodsNotReady"), ("True", "PodsNotReady")),
        (deployment(2, 1), [TROUBLE], ("False", "Crashing"), ("True", "Crashing")),
        (deployment(2, 0), [], ("False", "PodsNotReady"), ("True", "PodsNotReady")),
        (deployment(2, 0), [TROUBLE], ("False", "Crashing"), ("True", "Crashing")),
    ],
)
def test_conditions(
    seen: Object | None, found: list[Trouble], ready: tuple[str, str], degraded: tuple[str, str]
) -> None:
    said = status.status(live(), seen, [], found, NOW)
    told = {each["type"]: (each["status"], each["reason"]) for each in said["conditions"]}
    assert told == {"Ready": ready, "Degraded": degraded}
    assert all(each["observedGeneration"] == 3 for each in said["conditions"]) and said["observedGeneration"] == 3
    assert all(each["lastTransitionTime"] == "2026-11-28T12:00:00Z" for each in said["conditions"])
    assert said["selector"] == "app.kubernetes.io/name=timbre-engine,timbre.dev/engine=default"


WANTED = f"sha256:{'1' * 64}"


@pytest.mark.parametrize(
    ("digests", "ready", "reason", "words"),
    [
        ([WANTED, WANTED], 2, "Available", "2 of 2 pods ready"),
        ([WANTED, f"sha256:{'2' * 64}"], 1, "PodsNotReady", "1 of 2 pods ready, and 1 with another model"),
        ([None, None], 0, "PodsNotReady", "0 of 2 pods ready, and 2 with another model"),
    ],
)
def test_a_pod_with_another_model_does_not_count(
    digests: list[str | None], ready: int, reason: str, words: str
) -> None:
    def made(digest: str | None, *, is_ready: bool = True) -> Object:
        found = pod(conditions_=[{"type": "Ready", "status": str(is_ready)}])
        return found | {"metadata": {"name": "p", "annotations": {names.MODEL_DIGEST: digest} if digest else {}}}

    pods = [*map(made, digests), made(None, is_ready=False)]
    model = {"persistentVolumeClaim": {"claimName": "weights"}}
    engine = live(backend="qwen3tts", model={**model, "digest": WANTED})
    said = status.status(engine, deployment(2, 2), pods, [], NOW)
    condition = said["conditions"][0]
    assert (said["readyReplicas"], condition["reason"]) == (ready, reason)
    assert condition["message"].startswith(words)
    unnamed = status.status(live(backend="qwen3tts", model=model), deployment(2, 2), pods, [], NOW)
    assert unnamed["readyReplicas"] == 2, "any model is right where none is named"


def test_a_transition_keeps_its_time_until_the_status_changes() -> None:
    before = status.status(live(), deployment(2, 1), [], [], NOW)
    later = datetime(2026, 11, 28, 13, 0, tzinfo=UTC)
    again = status.status({**live(), "status": before}, deployment(2, 1), [], [], later)
    assert conditions.same(before, again), "a second pass says nothing new"
    healed = status.status({**live(), "status": before}, deployment(2, 2), [], [], later)
    times = {each["type"]: each["lastTransitionTime"] for each in healed["conditions"]}
    assert times == {"Ready": "2026-11-28T13:00:00Z", "Degraded": "2026-11-28T13:00:00Z"}
    worse = status.status({**live(), "status": before}, deployment(2, 0), [], [TROUBLE], later)
    assert {each["lastTransitionTime"] for each in worse["conditions"]} == {"2026-11-28T12:00:00Z"}
    assert not conditions.same(before, healed)


def test_fields_of_other_writers_do_not_count_as_news() -> None:
    said = status.status(live(), deployment(1, 1), [], [], NOW)
    other = {"type": "Other", "status": "True"}
    there = {**said, "voices": "3/3", "conditions": [*said["conditions"], other]}
    assert conditions.same(there, said)
    assert not conditions.same({**there, "readyReplicas": 0}, said)
    assert not conditions.same({}, said)


def test_messages_are_bounded() -> None:
    said = status.status(live(), None, [], [Trouble(EngineReason.REFUSED, "x" * 100_000)], NOW)
    assert all(len(each["message"]) <= 1024 for each in said["conditions"])
