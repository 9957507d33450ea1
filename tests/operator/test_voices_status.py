"""What a profile's and an engine's status say, from what pods list."""

from datetime import UTC, datetime
from typing import Any

import pytest

from support.voice_objects import engine, listed, profile, told, voices
from timbre_common.documents import VoicesStatus, VoiceState
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.voices import accepted, engine_status, profile_status, routes
from timbre_operator.voices.listed import PodList
from timbre_operator.voices.listed import pods as pods_of
from timbre_operator.voices.profile_status import Seen, Verdict
from timbre_operator.voices.reasons import VoiceReason
from timbre_operator.voices.routes import Written

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ROUTED = Verdict(True, VoiceReason.ROUTED)
DIGEST = "sha256:" + "0" * 64
PLAIN = profile("lisa")
FETCHED = profile("lisa", adapter={"http": {"url": "https://a.b/c"}, "digest": DIGEST})
(VOICE,) = voices(FETCHED).voices
READY, LOADING, FAILED = VoiceState.READY, VoiceState.LOADING, VoiceState.FAILED


def pod(name: str = "a", state: VoiceState = READY, code: str = "", reason: str = "", *, ready: bool = True) -> PodList:
    """A pod that lists the fetched voice."""
    said = told(voices(FETCHED), lisa=listed(VOICE, state, code, reason))
    return PodList(name, "10.0.0.1", ready, said)


def silent(name: str = "a", *, ready: bool = True) -> PodList:
    return PodList(name, "10.0.0.1", ready, None, "its administration does not answer")


def empty(name: str = "a") -> PodList:
    return PodList(name, "10.0.0.1", True, VoicesStatus(generation=0, voices={}))


@pytest.mark.parametrize(
    ("seen", "ready", "source", "loaded"),
    [
        (Seen(1, [pod()]), "Loaded", "Resolved", "1/1"),
        (Seen(2, [pod("a"), pod("b")]), "Loaded", "Resolved", "2/2"),
        (Seen(2, [pod("a"), pod("b", LOADING)]), "Loading", "Resolved", "1/2"),
        (Seen(2, [pod("a"), empty("b")]), "Loading", "Resolved", "1/2"),
        (Seen(2, [pod("a"), pod("b", ready=False)]), "Loaded", "Resolved", "1/1"),
        (Seen(2, [pod("a"), silent("b")]), "PodUnreachable", "Resolved", "1/2"),
        (Seen(1, [silent()]), "PodUnreachable", "EngineNotReady", "0/1"),
        (Seen(1, [silent(ready=False)]), "EngineNotReady", "EngineNotReady", "0/0"),
        (Seen(1, []), "EngineNotReady", "EngineNotReady", "0/0"),
        (Seen(0, []), "EngineScaledToZero", "EngineScaledToZero", "0/0"),
        (
            Seen(1, [pod(state=LOADING, code="fetching", reason="its file is being fetched")]),
            "Fetching",
            "Fetching",
            "0/1",
        ),
        (Seen(1, [pod(code="source_missing")]), "Loaded", "SourceMissing", "1/1"),
        (Seen(2, [pod("a"), pod("b", code="fetching")]), "Loaded", "Fetching", "2/2"),
        (Seen(1, [pod(state=LOADING)]), "Loading", "Loading", "0/1"),
        (Seen(1, [pod(state=LOADING, code="engine_unavailable")]), "Loading", "Loading", "0/1"),
        (Seen(1, [pod(state=FAILED, code="host_refused")]), "HostRefused", "HostRefused", "0/1"),
        (Seen(1, [pod(state=FAILED, code="file_missing")]), "FileMissing", "FileMissing", "0/1"),
        (Seen(1, [pod(state=FAILED, code="digest_mismatch")]), "DigestMismatch", "DigestMismatch", "0/1"),
        (Seen(1, [pod(state=FAILED, code="wrong_base")]), "WrongBase", "Resolved", "0/1"),
        (Seen(1, [pod(state=FAILED, code="a word of a newer engine")]), "Refused", "Resolved", "0/1"),
        (Seen(2, [pod("a", LOADING), pod("b", FAILED, "malformed")]), "Malformed", "Resolved", "0/2"),
        (Seen(1, [pod(state=FAILED, code="fetch_failed", ready=False)]), "EngineNotReady", "FetchFailed", "0/0"),
        (Seen(1, [pod()], Verdict(False, VoiceReason.NAME_CONFLICT, "taken")), "NameConflict", "Resolved", "1/1"),
    ],
)
def test_readiness_is_what_pods_list(seen: Seen, ready: str, source: str, loaded: str) -> None:
    (judged,) = accepted.judge([FETCHED], ["default"])
    status = profile_status.status(judged, VOICE, seen, ROUTED, NOW)
    conditions = {each["type"]: each for each in status["conditions"]}
    assert (conditions["Ready"]["reason"], conditions["SourceResolved"]["reason"]) == (ready, source)
    assert conditions["Ready"]["status"] == ("True" if ready == "Loaded" else "False")
    assert conditions["SourceResolved"]["status"] == ("True" if source == "Resolved" else "False")
    assert conditions["Accepted"]["status"] == "True"
    assert status["loaded"] == loaded
    assert status["loadedDigest"] == ("" if loaded.startswith("0") else VOICE.digest)


def test_another_version_of_the_voice_is_not_the_voice() -> None:
    older = voices(profile("lisa"), generation=9)
    (judged,) = accepted.judge([FETCHED], ["default"])
    status = profile_status.status(judged, VOICE, Seen(1, [PodList("a", "10.0.0.1", True, told(older))]), ROUTED, NOW)
    assert (status["loaded"], status["conditions"][-1]["reason"]) == ("0/1", "Loading")


def test_a_voice_without_files_needs_none_and_a_note_is_passed_on() -> None:
    wanted = voices(PLAIN)
    note = listed(wanted.voices[0], READY, reason="the speaker is not applied")
    (judged,) = accepted.judge([PLAIN], ["default"])
    seen = Seen(1, [PodList("a", "10.0.0.1", True, told(wanted, lisa=note))])
    status = profile_status.status(judged, wanted.voices[0], seen, ROUTED, NOW)
    conditions = {each["type"]: (each["status"], each["reason"], each["message"]) for each in status["conditions"]}
    assert conditions["SourceResolved"] == ("True", "NotNeeded", "")
    assert conditions["Ready"] == ("True", "Loaded", "the speaker is not applied")


@pytest.mark.parametrize(
    ("profiles", "reason"),
    [
        ([profile("lisa", suspend=True)], "Suspended"),
        ([profile("lisa", prosody={"speed": 9})], "Invalid"),
        ([profile("lisa", engineRef={"name": "absent"})], "EngineNotFound"),
        ([profile("older", age=3, agent="lisa"), profile("lisa")], "AgentTaken"),
    ],
)
def test_what_is_not_accepted_is_not_ready_for_the_same_reason(profiles: list[Object], reason: str) -> None:
    judged = accepted.judge(profiles, ["default"])[-1]
    status = profile_status.status(judged, None, Seen(1, [pod()]), routes.routed(judged, Written()), NOW)
    assert [(each["status"], each["reason"]) for each in status["conditions"]] == [("False", reason)] * 4
    assert (status["loaded"], status["loadedDigest"]) == ("0/1", "")


@pytest.mark.parametrize(
    ("seen", "routed", "amiss"),
    [
        (Seen(1, [pod()]), ROUTED, None),
        (Seen(1, []), ROUTED, None),
        (Seen(1, [pod(state=LOADING, code="fetching")]), ROUTED, None),
        (Seen(1, [pod(state=FAILED, code="malformed")]), ROUTED, ("Ready", "Malformed")),
        (Seen(1, [pod(state=FAILED, code="file_missing")]), ROUTED, ("Ready", "FileMissing")),
        (Seen(1, [pod(code="source_missing")]), ROUTED, ("SourceResolved", "SourceMissing")),
        (Seen(1, [pod(state=FAILED, code="timed_out", ready=False)]), ROUTED, ("SourceResolved", "TimedOut")),
        (Seen(1, [pod()]), Verdict(False, VoiceReason.LEXICON_LEFT_OUT), ("Routed", "LexiconLeftOut")),
    ],
)
def test_one_condition_says_what_somebody_has_to_look_at(
    seen: Seen, routed: Verdict, amiss: tuple[str, str] | None
) -> None:
    (judged,) = accepted.judge([FETCHED], ["default"])
    found = profile_status.amiss(profile_status.status(judged, VOICE, seen, routed, NOW))
    assert (found and (found["type"], found["reason"])) == amiss


def test_a_time_moves_only_where_a_status_changes() -> None:
    (judged,) = accepted.judge([FETCHED], ["default"])
    first = profile_status.status(judged, VOICE, Seen(1, [pod(state=LOADING)]), ROUTED, NOW)
    later = datetime(2026, 1, 3, tzinfo=UTC)
    (again,) = accepted.judge([{**FETCHED, "status": first}], ["default"])
    status = profile_status.status(again, VOICE, Seen(1, [pod()]), ROUTED, later)
    assert {each["type"]: each["lastTransitionTime"] for each in status["conditions"]} == {
        "Accepted": "2026-01-02T00:00:00Z",
        "SourceResolved": "2026-01-03T00:00:00Z",
        "Routed": "2026-01-02T00:00:00Z",
        "Ready": "2026-01-03T00:00:00Z",
    }
    (kept,) = accepted.judge([{**FETCHED, "status": status}], ["default"])
    assert profile_status.status(kept, VOICE, Seen(1, [pod()]), ROUTED, datetime(2026, 1, 4, tzinfo=UTC)) == status


def test_conditions_say_which_generation_they_are_about() -> None:
    (judged,) = accepted.judge([profile("lisa", generation=7)], ["default"])
    status = profile_status.status(judged, voices(PLAIN).voices[0], Seen(1, []), ROUTED, NOW)
    assert {each["observedGeneration"] for each in status["conditions"]} | {status["observedGeneration"]} == {7}


def test_an_engine_tells_of_its_pods_and_voices() -> None:
    wanted = voices(PLAIN, profile("b"), generation=4)
    broken = listed(wanted.voices[0], FAILED, "malformed", "no tensor")
    lists = [
        PodList("x", "10.0.0.1", True, told(wanted)),
        PodList("y", "10.0.0.2", True, told(wanted, b=broken)),
        silent("z", ready=False),
    ]
    status = engine_status.status(engine(), wanted, Seen(3, lists), NOW)
    assert (status["voices"], status["voicesGeneration"]) == ("1/2", 4)
    (condition,) = status["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("VoicesReady", "False", "Malformed")
    assert condition["message"] == "1 of 2 voices; b: pod y: no tensor"
    assert status["pods"] == [
        {"name": "x", "ready": True, "generation": 4, "voices": "2/2", "reason": ""},
        {"name": "y", "ready": True, "generation": 4, "voices": "1/2", "reason": ""},
        {
            "name": "z",
            "ready": False,
            "generation": -1,
            "voices": "0/2",
            "reason": "its administration does not answer",
        },
    ]


@pytest.mark.parametrize(
    ("profiles", "lists", "expected"),
    [
        ([], [], ("True", "Loaded", "0/0")),
        ([PLAIN], [], ("False", "EngineNotReady", "0/1")),
        ([PLAIN], [PodList("x", "10.0.0.1", True, told(voices(PLAIN)))], ("True", "Loaded", "1/1")),
    ],
)
def test_an_engines_voices_are_ready_where_all_of_them_are(
    profiles: list[Object], lists: list[PodList], expected: tuple[str, str, str]
) -> None:
    status = engine_status.status(engine(), voices(*profiles), Seen(1, lists), NOW)
    condition = status["conditions"][0]
    assert (condition["status"], condition["reason"], status["voices"]) == expected


def test_a_status_names_at_most_32_pods() -> None:
    status = engine_status.status(engine(), voices(), Seen(50, [pod(f"p{index:02}") for index in range(50)]), NOW)
    assert len(status["pods"]) == 32


def api_pod(name: str, **changed: Any) -> Object:
    status = {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}
    metadata = {"name": name} | changed.pop("metadata", {})
    return {"metadata": metadata, "status": {**status, **changed}}


def test_pods_that_stay_are_asked() -> None:
    found = pods_of(
        [
            api_pod("d", podIP="", conditions=[]),
            api_pod("b", conditions=[{"type": "Ready", "status": "False"}]),
            api_pod("a"),
            api_pod("leaving", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}),
            api_pod("evicted", phase="Failed"),
        ],
        engine(),
    )
    assert [(each.name, each.address, each.ready) for each in found] == [
        ("a", "10.0.0.1", True),
        ("b", "10.0.0.1", False),
        ("d", "", False),
    ]


def test_a_pod_with_another_model_than_the_engine_names_does_not_serve() -> None:
    annotations = {names.MODEL_DIGEST: "sha256:a"}
    objects = [api_pod("a", metadata={"annotations": annotations}), api_pod("b")]
    found = pods_of(objects, engine(model={"digest": "sha256:a"}))
    assert [(each.name, each.ready) for each in found] == [("a", True), ("b", False)]
    assert "spec.model.digest" in found[1].reason and not found[0].reason
    assert all(each.ready for each in pods_of(objects, engine(model={})))


@pytest.mark.parametrize(
    ("status", "behind"),
    [
        (None, False),
        (VoicesStatus(generation=0, voices={}), True),
        (told(voices(PLAIN, generation=3)), True),
        (told(voices(PLAIN, generation=4)), False),
        (told(voices(PLAIN, generation=4), LOADING), False),
        (told(voices(generation=4)), True),
        (told(voices(PLAIN, profile("b"), generation=4)), True),
        (told(voices(PLAIN, generation=5)), False),
    ],
)
def test_a_pod_is_told_where_it_follows_another_document(status: VoicesStatus | None, behind: bool) -> None:
    assert PodList("a", "10.0.0.1", True, status).behind(voices(PLAIN, generation=4)) is behind
