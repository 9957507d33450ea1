"""Which passes a watched event leads to."""

from typing import Any

from timbre_operator.kube import Object, Resource
from timbre_operator.kube.resource import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    SERVICES,
    SPEECH_ENGINES,
    VOICE_PROFILES,
)
from timbre_operator.queue import Key, Kind
from timbre_operator.watch.interest import Interest


def engine_key(engine: str = "default") -> Key:
    return Key(Kind.ENGINE, "n", engine)


def voices_key(engine: str = "default") -> Key:
    return Key(Kind.VOICES, "n", engine)


def profile(name: str, agent: str, engine: str | None = None, generation: int = 1, **status: Any) -> Object:
    ref = {"engineRef": {"name": engine}} if engine else {}
    metadata = {"namespace": "n", "name": name, "uid": name, "generation": generation}
    return {"metadata": metadata, "spec": {"agentID": agent, **ref}, "status": status}


def child(name: str, engine: str | None = "default", **content: Any) -> Object:
    labels = {"timbre.dev/engine": engine} if engine else {}
    return {"metadata": {"namespace": "n", "name": name, "uid": name, "labels": labels}, **content}


def test_a_speech_engine_asks_for_both_of_its_passes() -> None:
    for type_ in (None, "ADDED", "MODIFIED", "DELETED"):
        assert Interest().keys(SPEECH_ENGINES, type_, child("default")) == {engine_key(), voices_key()}


def test_a_profiles_own_status_leads_to_no_pass() -> None:
    interest = Interest()
    assert interest.keys(VOICE_PROFILES, None, profile("lisa", "lisa")) == {voices_key()}
    assert interest.keys(VOICE_PROFILES, "MODIFIED", profile("lisa", "lisa", loaded="1/1")) == set()
    assert interest.keys(VOICE_PROFILES, "MODIFIED", profile("lisa", "lisa", generation=2)) == {voices_key()}
    assert interest.keys(VOICE_PROFILES, "DELETED", profile("lisa", "lisa", generation=2)) == {voices_key()}


def test_a_profile_that_moves_concerns_both_engines() -> None:
    interest = Interest()
    interest.keys(VOICE_PROFILES, None, profile("lisa", "lisa"))
    moved = profile("lisa", "lisa", "other", generation=2)
    assert interest.keys(VOICE_PROFILES, "MODIFIED", moved) == {voices_key(), voices_key("other")}


def test_who_waited_for_an_agents_name_is_looked_at_when_it_is_free() -> None:
    interest = Interest()
    interest.keys(VOICE_PROFILES, None, profile("first", "lisa", "one"))
    interest.keys(VOICE_PROFILES, None, profile("second", "lisa", "two"))
    interest.keys(VOICE_PROFILES, None, profile("third", "electra", "three"))
    both = {voices_key("one"), voices_key("two")}
    assert interest.keys(VOICE_PROFILES, "DELETED", profile("first", "lisa", "one")) == both
    renamed = profile("second", "electra", "two", generation=2)
    assert interest.keys(VOICE_PROFILES, "MODIFIED", renamed) == {voices_key("two"), voices_key("three")}


def test_who_waits_for_an_agents_name_is_looked_at_until_nobody_of_its_engine_waits() -> None:
    interest = Interest()
    interest.keys(VOICE_PROFILES, None, profile("first", "lisa", "one"))
    for name in ("second", "third"):
        interest.keys(VOICE_PROFILES, None, profile(name, "lisa", "two"))
    for name, waits in (("second", True), ("third", False)):
        interest.keys(VOICE_PROFILES, "DELETED", profile(name, "lisa", "two"))
        found = interest.keys(VOICE_PROFILES, "MODIFIED", profile("first", "lisa", "one", generation=2 + waits))
        assert found == ({voices_key("one"), voices_key("two")} if waits else {voices_key("one")})


def test_a_child_that_drifts_concerns_its_engine() -> None:
    for resource in (DEPLOYMENTS, SERVICES):
        assert Interest().keys(resource, "MODIFIED", child("x")) == {engine_key()}
        assert Interest().keys(resource, "DELETED", child("x")) == {engine_key()}
    assert Interest().keys(CONFIG_MAPS, "MODIFIED", child("x")) == {voices_key()}


def test_the_routes_concern_every_engine_of_the_namespace() -> None:
    interest = Interest()
    for name in ("one", "two"):
        interest.keys(SPEECH_ENGINES, None, child(name))
    elsewhere = child("three")
    elsewhere["metadata"]["namespace"] = "m"
    interest.keys(SPEECH_ENGINES, None, elsewhere)
    assert interest.keys(CONFIG_MAPS, "DELETED", child("timbre-routes", None)) == {voices_key("one"), voices_key("two")}
    interest.keys(SPEECH_ENGINES, "DELETED", child("one"))
    assert interest.keys(CONFIG_MAPS, "DELETED", child("timbre-routes", None)) == {voices_key("two")}


def status(*, ready: bool = True, ip: str = "10.0.0.1", waiting: str = "", heartbeat: str = "1") -> dict[str, Any]:
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    condition = {"type": "Ready", "status": str(ready), "lastProbeTime": heartbeat}
    return {
        "phase": "Running",
        "podIP": ip,
        "conditions": [condition],
        "containerStatuses": [{"name": "engine", "restartCount": 0, "state": state}],
    }


def test_a_pod_concerns_its_engine_where_something_of_it_changed() -> None:
    both = {engine_key(), voices_key()}
    interest = Interest()
    assert interest.keys(PODS, "ADDED", child("p", status=status())) == both
    assert interest.keys(PODS, "MODIFIED", child("p", status=status(heartbeat="2"))) == set()
    changes: list[dict[str, Any]] = [{"ready": False}, {"ip": "10.0.0.2"}, {"waiting": "CrashLoopBackOff"}]
    for change in changes:
        assert interest.keys(PODS, "MODIFIED", child("p", status=status(**change))) == both
    assert interest.keys(PODS, "DELETED", child("p", status=status(waiting="CrashLoopBackOff"))) == both


def test_what_is_remembered_is_forgotten_with_the_object() -> None:
    interest = Interest()
    seen: list[tuple[Resource, Object]] = [
        (SPEECH_ENGINES, child("default")),
        (VOICE_PROFILES, profile("lisa", "lisa")),
        (PODS, child("p", status=status())),
    ]
    for _ in range(3):
        for resource, obj in seen:
            interest.keys(resource, None, obj)
        for resource, obj in seen:
            interest.keys(resource, "DELETED", obj)
    assert not interest._seen and not interest._profiles and not interest._engines and not interest._engines_of
