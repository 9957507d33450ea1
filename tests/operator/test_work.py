"""A term of the leader whose watches tell nothing, or who cannot read: what is done nevertheless."""

import asyncio
import dataclasses
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from support.kube import MemoryKube
from support.speech_engine import live
from support.waiting import until
from timbre_common.errors import ClusterUnavailable
from timbre_operator.kube.resource import SPEECH_ENGINES, VOICE_PROFILES
from timbre_operator.metrics import Metrics
from timbre_operator.queue import Key, Kind
from timbre_operator.watch import kopf_watch
from timbre_operator.work import Work, everything


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def watch(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(kopf_watch, "watch", watch)


def profile(name: str, namespace: str, engine: str | None = None) -> dict[str, Any]:
    ref = {"engineRef": {"name": engine}} if engine else {}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"agentID": name, **ref}}


def work(kube: MemoryKube, passes: list[Key], alive: Callable[[], None], *namespaces: str) -> Work:
    async def reconcile(key: Key) -> None:
        passes.append(key)

    async def unused() -> Any:
        raise AssertionError("nobody watches")

    return Work(
        kube=kube,
        metrics=Metrics(),
        passes={Kind.ENGINE: reconcile, Kind.VOICES: reconcile},
        login=unused,
        namespaces=namespaces,
        watched=unused,
        workers=2,
        resync=0.2,
        alive=alive,
    )


async def test_what_no_event_told_of_is_looked_over_again_and_again() -> None:
    kube = MemoryKube()
    kube.put(live("one", "a"), SPEECH_ENGINES)
    passes: list[Key] = []
    alive = 0

    def tick() -> None:
        nonlocal alive
        alive += 1

    running = asyncio.create_task(work(kube, passes, tick).run())
    await until(lambda: passes.count(Key(Kind.ENGINE, "a", "one")) >= 3)
    kube.put(live("two", "b"), SPEECH_ENGINES)
    await until(lambda: Key(Kind.VOICES, "b", "two") in passes)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert alive > 0


async def test_where_passes_hang_looks_are_no_sign_of_life() -> None:
    """Else an operator that does nothing would never be restarted."""
    kube = MemoryKube()
    kube.put(live("one", "a"), SPEECH_ENGINES)
    alive: list[None] = []
    made = work(kube, [], lambda: alive.append(None))

    async def hang(_: Key) -> None:
        await asyncio.Event().wait()

    hanging = dataclasses.replace(made, passes=dict.fromkeys(Kind, hang))
    running = asyncio.create_task(hanging.run())
    await until(lambda: kube.requests.count(("list", "speechengines", "")) >= 5)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert not alive


async def test_where_there_is_nothing_to_pass_over_looks_are_a_sign_of_life() -> None:
    alive: list[None] = []
    running = asyncio.create_task(work(MemoryKube(), [], lambda: alive.append(None)).run())
    await until(lambda: len(alive) >= 3)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_an_api_server_that_is_away_ends_no_term() -> None:
    kube = MemoryKube()
    kube.fail = lambda *_: ClusterUnavailable("away")
    alive: list[None] = []
    running = asyncio.create_task(work(kube, [], lambda: alive.append(None)).run())
    await until(lambda: len(alive) > 0)
    assert not running.done()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_everything_is_each_engine_and_each_that_a_profile_names() -> None:
    kube = MemoryKube()
    kube.put(live("default", "a"), SPEECH_ENGINES)
    kube.put(live("other", "b"), SPEECH_ENGINES)
    kube.put(profile("lisa", "a"), VOICE_PROFILES)
    kube.put(profile("electra", "a", "absent"), VOICE_PROFILES)
    here = {Key(Kind.ENGINE, "a", "default"), Key(Kind.VOICES, "a", "default"), Key(Kind.VOICES, "a", "absent")}
    assert await everything(kube, "a") == here
    assert await everything(kube, None) == here | {Key(Kind.ENGINE, "b", "other"), Key(Kind.VOICES, "b", "other")}
