"""Events: the same one is counted, and they are bounded and never in the way."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.kube import MemoryKube
from support.speech_engine import live
from timbre_common.errors import ClusterUnavailable
from timbre_operator import events
from timbre_operator.events import Events, EventType
from timbre_operator.reasons import EngineReason


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def written(kube: MemoryKube) -> list[dict[str, Any]]:
    return [obj for (plural, _, _), obj in kube.objects.items() if plural == "events"]


async def tell(
    told: Events, message: str = "it crashes", reason: EngineReason = EngineReason.CRASHING, about: str = "default"
) -> None:
    await told.tell(live(about), EventType.WARNING, reason, message)


async def test_the_same_event_is_written_once_in_ten_minutes_and_counted() -> None:
    kube, clock = MemoryKube(), Clock()
    told = Events(kube, clock)
    for _ in range(100):
        await tell(told)
        clock.now += timedelta(seconds=1)
    assert len(kube.writes()) == 1
    clock.now += timedelta(minutes=10)
    await tell(told)
    [event] = written(kube)
    assert len(kube.writes()) == 2 and event["count"] == 101
    assert event["firstTimestamp"] == "2026-11-28T12:00:00Z" < event["lastTimestamp"]
    assert event["involvedObject"]["name"] == "default" and event["type"] == "Warning"


async def test_other_words_or_another_reason_are_another_event() -> None:
    kube = MemoryKube()
    told = Events(kube, Clock())
    await tell(told)
    await tell(told, "another")
    await tell(told, reason=EngineReason.REFUSED)
    assert len(written(kube)) == 3


async def test_another_replica_counts_the_same_event() -> None:
    kube = MemoryKube()
    for _ in range(2):
        await tell(Events(kube, Clock()))
    assert len(written(kube)) == 1


async def test_what_is_remembered_and_written_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(events, "_KNOWN", 10)
    kube = MemoryKube()
    told = Events(kube, Clock())
    for index in range(50):
        await tell(told, f"message {index} " + "x" * 10_000)
    assert len(told._known) == 10
    assert all(len(event["message"]) <= 1024 for event in written(kube))


async def test_an_event_that_cannot_be_written_stops_nothing_and_is_written_when_it_can() -> None:
    kube = MemoryKube()
    told = Events(kube, Clock())
    kube.fail = lambda *_: ClusterUnavailable("away")
    await tell(told)
    assert not written(kube)
    kube.fail = lambda *_: None
    await tell(told)
    [event] = written(kube)
    assert event["count"] == 2


@pytest.mark.parametrize("name", ["a" * 253, "a" * 235 + "." + "b" * 17, "a" * 234 + "-." + "b" * 17])
async def test_the_longest_names_have_events_too(name: str) -> None:
    kube = MemoryKube()
    await tell(Events(kube, Clock()), about=name)
    [event] = written(kube)
    made = event["metadata"]["name"]
    assert len(made) <= 253 and all(re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", part) for part in made.split("."))
    assert event["involvedObject"]["name"] == name
