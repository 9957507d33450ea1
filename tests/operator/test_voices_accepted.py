"""Which profiles an engine speaks, and the document that is made of them."""

import base64
import random
from typing import Any

import pytest

from support.voice_objects import engine, profile, voices
from timbre_common import shards
from timbre_common.documents import Engine
from timbre_common.voice_codes import VoiceCode
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.resources import speechengine
from timbre_operator.voices import accepted, document, routes
from timbre_operator.voices.accepted import Judged
from timbre_operator.voices.reasons import OF_CODE, VoiceReason

OLD = profile("old", age=9, agent="lisa")
NEW = profile("new", age=1, agent="lisa")
SUSPENDED = profile("old", age=9, agent="lisa", suspend=True)
INVALID = profile("old", age=9, agent="lisa", prosody={"speed": 99})
ELSEWHERE = profile("old", age=9, agent="lisa", engineRef={"name": "absent"})
LEAVING: Object = {**OLD, "metadata": {**OLD["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
ACCEPTED = VoiceReason.ACCEPTED


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        ([OLD], {"old": ACCEPTED}),
        ([NEW, OLD], {"old": ACCEPTED, "new": VoiceReason.AGENT_TAKEN}),
        ([NEW, SUSPENDED], {"old": VoiceReason.SUSPENDED, "new": ACCEPTED}),
        ([NEW, INVALID], {"old": VoiceReason.INVALID, "new": ACCEPTED}),
        ([NEW, ELSEWHERE], {"old": VoiceReason.ENGINE_NOT_FOUND, "new": VoiceReason.AGENT_TAKEN}),
        ([NEW, LEAVING], {"new": ACCEPTED}),
        ([OLD, profile("b"), profile("a")], {"old": ACCEPTED, "a": ACCEPTED, "b": ACCEPTED}),
        ([], {}),
    ],
)
def test_the_oldest_profile_speaks_for_an_agent(profiles: list[Object], expected: dict[str, VoiceReason]) -> None:
    judged = accepted.judge(profiles, ["default"])
    assert {each.obj["metadata"]["name"]: each.reason for each in judged} == expected


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ([OLD, NEW], "the older VoiceProfile old speaks for the agent lisa"),
        ([INVALID], "spec.prosody.speed"),
        ([ELSEWHERE], "there is no SpeechEngine absent in this namespace"),
    ],
)
def test_a_refusal_says_why(profiles: list[Object], message: str) -> None:
    assert message in accepted.judge(profiles, ["default"])[-1].message


def test_a_field_of_a_newer_schema_refuses_no_profile() -> None:
    (judged,) = accepted.judge([profile("lisa", unheard={"of": 1})], ["default"])
    assert judged.accepted


def test_the_reasons_of_all_codes_are_told_apart() -> None:
    assert OF_CODE.keys() == set(VoiceCode)


A, B = profile("a"), profile("b")
FASTER = profile("a", prosody={"speed": 2})


@pytest.mark.parametrize(
    ("before", "reported", "now", "generation", "changed"),
    [
        (None, [], [A], 1, True),
        (None, [7, 3], [A], 8, True),
        (voices(A, generation=4), [4], [A], 4, False),
        (voices(A, generation=4), [], [A], 4, False),
        (voices(A, generation=4), [2], [A], 4, False),
        (voices(A, generation=4), [5], [A], 6, True),
        (voices(A, generation=4), [4], [A, B], 5, True),
        (voices(A, B, generation=4), [4], [A], 5, True),
        (voices(A, generation=4), [9], [FASTER], 10, True),
        (voices(generation=4), [4], [], 4, False),
    ],
)
def test_other_voices_have_a_higher_generation(
    before: Any, reported: list[int], now: list[Object], generation: int, changed: bool
) -> None:
    spoken = document.spoken(accepted.judge(now, ["default"]), "default")
    due = document.next_document(spoken, "default", before, reported)
    assert (due.document.generation, due.changed) == (generation, changed)
    assert due.document.voices == voices(*now).voices


def test_a_document_is_read_from_the_config_maps_that_hold_it() -> None:
    wanted = voices(A, B, generation=3)
    owner = speechengine.parse(engine())
    maps = document.config_maps(owner, wanted)
    by_name = {each["metadata"]["name"]: each for each in maps}
    assert document.stored_document(by_name, "default") == wanted
    assert document.config_maps(owner, wanted) == maps
    assert maps[0]["metadata"]["ownerReferences"][0]["uid"] == "uid-default"


@pytest.mark.parametrize("held", ["", "no base64", base64.b64encode(b"no gzip").decode()])
def test_a_damaged_config_map_holds_no_document(held: str) -> None:
    maps = {names.voices_part("default", 0): {"binaryData": {shards.KEY: held}}}
    assert document.stored_document(maps, "default") is None
    assert document.stored_document({}, "default") is None


def test_what_config_maps_cannot_hold_is_refused_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_SURELY", 0)
    monkeypatch.setattr(shards.split, "__defaults__", (300,))
    chance = random.Random(1)
    many = [profile(f"a{index}", age=index, speaker=chance.randbytes(30).hex()) for index in range(50)]
    judged = document.within_room(accepted.judge(many, ["default"]), "default")
    kept = [each.obj["metadata"]["name"] for each in judged if each.accepted]
    full = [each for each in judged if each.reason is VoiceReason.ENGINE_FULL]
    assert len(kept) + len(full) == 50 and kept and full
    assert kept == [f"a{index}" for index in range(49, 49 - len(kept), -1)]  # the oldest
    assert f"the engine's {len(kept)} older profiles" in full[0].message
    assert shards.split(voices(*(each.obj for each in judged if each.accepted)))


def judged(*profiles: Object, engines: tuple[str, ...] = ("default",)) -> list[Judged]:
    return accepted.judge(profiles, engines)


def test_routes_tell_which_engine_speaks_for_whom() -> None:
    profiles = [A, profile("b", engineRef={"name": "gpu"}), NEW, OLD, ELSEWHERE, profile("c", suspend=True)]
    made = routes.routes(judged(*profiles, engines=("default", "gpu")), [engine("gpu"), engine()], "there")
    assert made.engines == [
        Engine("default", "http://default-speech-pods.there.svc:8770"),
        Engine("gpu", "http://gpu-speech-pods.there.svc:8770"),
    ]
    assert [(agent.agent_id, agent.engine) for agent in made.agents] == [
        ("a", "default"),
        ("b", "gpu"),
        ("lisa", "default"),
    ]


def test_routes_are_compared_by_what_they_say() -> None:
    made = routes.config_map(routes.routes(judged(A), [engine()], "there"), [engine()], "there")
    stored = {**made, "metadata": {**made["metadata"], "resourceVersion": "3", "uid": "x"}}
    stored["data"] = {names.ROUTES_KEY: stored["data"][names.ROUTES_KEY].replace(",", ", ")}
    assert routes.same(stored, made) and routes.is_ours(stored)
    other = routes.config_map(routes.routes(judged(A, B), [engine()], "there"), [engine()], "there")
    another_owner = routes.config_map(routes.routes(judged(A), [engine()], "there"), [engine(), engine("gpu")], "there")
    assert not routes.same(stored, other)
    assert not routes.same(stored, another_owner)
    assert not routes.same({**stored, "data": {}}, made)
    assert not routes.is_ours({"metadata": {"name": names.ROUTES}})


def test_routes_that_would_be_too_large_lose_the_longest_lexicons() -> None:
    words = {f"word{index:04}": "x" * 250 for index in range(1000)}
    lexicons = [
        {"a": "b"},
        words,
        {**words, "more": "x"},
        {**words, "even": "x", "longer": "y"},
        dict(words),
    ]
    profiles = [profile(f"a{index}", lexicon=lexicon) for index, lexicon in enumerate(lexicons)]
    made = routes.routes(judged(*profiles), [engine()], "there")
    assert [bool(agent.lexicon) for agent in made.agents] == [True, True, True, False, True]
    there = routes.written(judged(*profiles), made)
    verdicts = [routes.routed(each, there) for each in judged(*profiles)]
    assert [each.holds for each in verdicts] == [True, True, True, False, True]
    assert verdicts[3].reason is VoiceReason.LEXICON_LEFT_OUT and "900 KiB" in verdicts[3].message


def test_routes_that_would_be_too_large_even_so_lose_the_youngest_profiles() -> None:
    profiles = [profile(f"a{index:05}", display={"name": "x" * 64}, lexicon={"a": "b"}) for index in range(6000)]
    everyone = judged(*profiles)
    made = routes.routes(everyone, [engine()], "there")
    size = len(routes.config_map(made, [engine()], "there")["data"][names.ROUTES_KEY])
    assert routes.LIMIT - 300 < size <= routes.LIMIT
    there = routes.written(everyone, made)
    reasons = [routes.routed(each, there).reason for each in everyone]
    kept = len(made.agents)
    assert reasons == [VoiceReason.LEXICON_LEFT_OUT] * kept + [VoiceReason.ROUTES_FULL] * (6000 - kept)
    assert [agent.agent_id for agent in made.agents] == [f"a{index:05}" for index in range(kept)]
