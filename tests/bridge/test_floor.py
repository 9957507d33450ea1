"""Who speaks in a room."""

import pytest

from timbre_bridge.floor import Action, Floor
from timbre_bridge.settings import FloorPolicy
from timbre_bridge.utterance import Priority, Utterance


def utterance(
    name: str, agent: str = "lisa", priority: Priority = Priority.NORMAL, expires_at: float | None = None
) -> Utterance:
    return Utterance(
        agent_id=agent, room="r", received_at=0.0, priority=priority, expires_at=expires_at, context_id=name
    )


def floor(policy: FloorPolicy = FloorPolicy.QUEUE, per_agent: int = 4) -> Floor:
    return Floor(policy, per_agent, max_wait=60.0)


def acts(actions: list[Action]) -> str:
    return " ".join(f"{act.value} {name}" for act, name in actions)


def test_one_after_the_other() -> None:
    room = floor()
    assert acts(room.request(utterance("a"), 0)) == "make a air a"
    assert acts(room.request(utterance("b", "electra"), 0)) == ""
    assert [each.context_id for each in room.waiting] == ["b"]
    assert acts(room.ended("a", 1)) == "make b air b"
    assert acts(room.ended("b", 2)) == ""
    assert room.idle


def test_the_next_is_made_while_one_is_on_air() -> None:
    room = floor()
    room.request(utterance("a"), 0)
    room.request(utterance("b"), 0)
    assert acts(room.made("a", 1)) == "make b"
    assert acts(room.request(utterance("c"), 1)) == ""
    assert acts(room.ended("a", 2)) == "air b"
    assert acts(room.made("b", 3)) == "make c"


def test_one_made_before_it_was_on_air_lets_the_next_be_made() -> None:
    room = floor()
    for name in "abc":
        room.request(utterance(name), 0)
    room.made("a", 1)
    assert acts(room.made("b", 1)) == ""
    assert acts(room.ended("a", 2)) == "air b"
    assert acts(room.tick(2)) == ""
    assert acts(room.request(utterance("d"), 2)) == "make c"


def test_priority_goes_first_and_what_was_prepared_is_not_lost() -> None:
    room = floor()
    room.request(utterance("a"), 0)
    room.request(utterance("b"), 0)
    room.made("a", 1)
    room.request(utterance("urgent", priority=Priority.SYSTEM), 1)
    assert acts(room.ended("a", 2)) == "make urgent air urgent"
    assert acts(room.ended("urgent", 3)) == "air b"


def test_within_a_priority_the_order_of_arrival_counts() -> None:
    room = floor()
    for name, priority in (("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 2)):
        room.request(utterance(name, priority=Priority(priority)), 0)
    assert [each.context_id for each in room.waiting] == ["e", "c", "d", "b"]


def test_each_agent_has_a_bounded_queue() -> None:
    room = floor(per_agent=2)
    for name in "abc":
        room.request(utterance(name), 0)
    assert acts(room.request(utterance("d"), 0)) == "refuse d"
    assert acts(room.request(utterance("e", "electra"), 0)) == ""


@pytest.mark.parametrize(("expires_at", "expires"), [(None, 60.0), (30.0, 30.0), (90.0, 60.0)])
def test_what_waits_too_long_expires(expires_at: float | None, expires: float) -> None:
    room = floor()
    room.request(utterance("a"), 0)
    room.request(utterance("b", expires_at=expires_at), 0)
    assert acts(room.tick(expires - 0.1)) == ""
    assert acts(room.tick(expires)) == "expire b"
    assert acts(room.ended("a", expires)) == ""


def test_what_is_made_already_expires_all_the_same() -> None:
    room = floor()
    room.request(utterance("a"), 0)
    room.request(utterance("b", expires_at=2.0), 0)
    room.request(utterance("c"), 0)
    assert acts(room.made("a", 1)) == "make b"
    assert acts(room.tick(2)) == "expire b"
    assert acts(room.ended("b", 2)) == "make c"
    assert acts(room.ended("a", 3)) == "air c"


def test_a_cancelled_one_leaves_the_queue() -> None:
    room = floor()
    room.request(utterance("a"), 0)
    room.request(utterance("b"), 0)
    room.made("a", 1)
    assert acts(room.ended("b", 1)) == ""
    assert acts(room.ended("a", 2)) == ""
    assert room.idle


def test_replace_lets_the_newest_speak() -> None:
    room = floor(FloorPolicy.REPLACE)
    room.request(utterance("a"), 0)
    assert acts(room.request(utterance("b"), 1)) == "replace a"
    assert acts(room.ended("a", 1)) == "make b air b"
    room.request(utterance("urgent", priority=Priority.HIGH), 2)
    room.ended("b", 2)
    assert acts(room.request(utterance("c"), 3)) == ""
    assert acts(room.ended("urgent", 4)) == "make c air c"


def test_mix_lets_all_speak() -> None:
    room = floor(FloorPolicy.MIX, per_agent=2)
    assert acts(room.request(utterance("a"), 0)) == "make a air a"
    assert acts(room.request(utterance("b"), 0)) == "make b air b"
    assert acts(room.request(utterance("c"), 0)) == "refuse c"
    room.made("a", 1)
    room.ended("a", 1)
    assert not room.idle
    room.ended("b", 1)
    assert room.idle
