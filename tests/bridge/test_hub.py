"""Which recordings are kept to be resumed, and what sessions are told."""

import asyncio
import json
from pathlib import Path

from timbre_bridge.listeners.hub import STATUS_PERIOD, Hub
from timbre_bridge.listeners.session import Session
from timbre_bridge.listeners.stream import Limits
from timbre_bridge.recording import Recording
from timbre_bridge.settings import Settings
from timbre_bridge.utterance import Utterance
from timbre_common.protocol import DoneReason, ResumePoint, SessionStart, Waiting
from timbre_common.tokens import OPEN

SECOND = bytes(48_000)


def hub(keep_bytes: int = 8 << 20) -> Hub:
    return Hub(Settings(routes=Path("r"), keep=30.0, keep_bytes=keep_bytes))


def session() -> Session:
    each = Session(OPEN, Limits(ahead=10.0, max_lag=5.0, queue=100_000))
    each.start(SessionStart())
    return each


def kept(every: Hub, name: str, *, seconds: int = 1, on_air: bool = True) -> Recording:
    each = Recording(Utterance(agent_id="lisa", room="r", received_at=0.0, context_id=name), 1, lambda _: None)
    every.keep(each)
    if on_air:
        each.air(0.0)
        each.append(SECOND * seconds, 0.0)
    return each


def told(each: Session, now: float) -> list[dict[str, object]]:
    return [json.loads(data) for data, _, _ in each.due(now) if isinstance(data, str)]


def test_an_utterance_can_be_resumed_until_30_s_after_its_last_sample_was_due() -> None:
    every = hub()
    each = kept(every, "a", seconds=4)
    every.sweep(100.0)
    assert every.find("a") is each, "it has not ended"
    each.finish(DoneReason.FINISHED)
    every.sweep(33.9)
    late = session()
    every.enter(late, [ResumePoint("a", 48_000)], 33.9)
    assert [(each["type"], each.get("first_sample")) for each in told(late, 33.9)] == [
        ("audio.start", 48_000),
        ("audio.done", None),
    ]
    every.sweep(34.1)
    every.enter(late, [ResumePoint("a", 48_000)], 34.1)
    assert [each["code"] for each in told(late, 34.1)] == ["resume_gone"]


def test_who_paused_an_utterance_for_longer_than_it_is_kept_gets_its_end() -> None:
    every, paused = hub(), session()
    every.add(paused, lambda: None)
    each = kept(every, "a", seconds=20)
    paused.attach(each, 0, 0.0)
    paused.played("a", 0.0)
    each.finish(DoneReason.FINISHED)
    assert [message["type"] for message in told(paused, 49.0)] == ["audio.start"]
    every.sweep(49.0)
    assert (told(paused, 49.0), list(paused.streams)) == ([], ["a"])
    every.sweep(51.0)
    assert [(done["type"], done["samples"]) for done in told(paused, 51.0)] == [("audio.done", 480_000)]
    assert paused.streams == {}


def test_past_the_bytes_the_oldest_that_ended_go_first() -> None:
    every = hub(keep_bytes=2 * len(SECOND))
    recordings = [kept(every, name) for name in "abc"]
    every.sweep(1.0)
    assert [each for each in "abc" if every.find(each)] == ["a", "b", "c"], "none has ended"
    for each in recordings[1:]:
        each.finish(DoneReason.FINISHED)
    every.sweep(1.0)
    assert [each for each in "abc" if every.find(each)] == ["a", "c"]


def test_what_ended_before_it_was_heard_is_not_kept() -> None:
    every = hub()
    kept(every, "a", on_air=False).finish(DoneReason.FAILED)
    every.sweep(0.0)
    assert every.find("a") is None


async def test_states_are_told_when_they_change_and_at_most_once_a_second() -> None:
    every, one = hub(), session()
    every.add(one, lambda: None)
    loop = asyncio.get_running_loop()
    began = loop.time()
    every.status(waiting=[])
    assert told(one, 0.0) == [], "nothing changed"
    told_at = []
    for number in range(2):
        for name in ("x", "y"):
            every.status(waiting=[Waiting(f"{name}{number}", "lisa", "r")])
        while not (news := told(one, 0.0)):
            await asyncio.sleep(0.01)
        told_at.append(loop.time())
        assert [status["waiting"] for status in news] == [
            [{"context_id": f"y{number}", "agent_id": "lisa", "room": "r"}]
        ]
    assert told_at[1] - began >= STATUS_PERIOD
