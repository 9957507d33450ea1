"""How kopf is used: what it would do by itself, and does not."""

import asyncio
import itertools
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf
import pytest
from kubernetes.aio.client import Configuration

from support.waiting import until
from timbre_operator.kube import Resource, connection
from timbre_operator.kube.resource import DEPLOYMENTS, SCALED_OBJECTS, SECRETS, SPEECH_ENGINES, VOICE_PROFILES
from timbre_operator.watch import kopf_watch


async def login() -> kopf.ConnectionInfo:
    return kopf.ConnectionInfo(server="https://localhost")


async def only_engines() -> list[Resource]:
    return [SPEECH_ENGINES]


def test_nothing_is_shared_with_other_operators_made_with_kopf() -> None:
    made = kopf_watch.settings()
    assert made.peering.standalone, "a peering called default lets another operator pause this one"
    assert made.persistence.finalizer == "timbre.dev/operator"
    for storage in (made.persistence.progress_storage, made.persistence.diffbase_storage):
        assert "timbre.dev" in vars(storage)["prefix"]


def test_an_api_server_that_is_away_never_ends_the_watches() -> None:
    backoffs: Any = kopf_watch.settings().networking.error_backoffs
    waits = list(itertools.islice(backoffs, 1000))
    assert sum(waits[:60]) > 90 and max(waits) <= 10


def test_a_stream_that_died_without_a_word_is_given_up() -> None:
    """The API server sends a bookmark each minute; kopf begins anew where nothing at all comes for longer."""
    assert 60 < kopf_watch.settings().watching.inactivity_timeout <= 120


def test_children_are_watched_by_the_operators_label_and_nothing_is_posted_or_scanned() -> None:
    made = kopf_watch.settings()
    assert not made.posting.enabled and made.scanning.disabled
    for resource in (*kopf_watch.CHILDREN, SCALED_OBJECTS):
        selector = made.watching.label_selectors[resource.group, resource.plural]
        assert selector == "app.kubernetes.io/managed-by=timbre-operator"
    assert (SPEECH_ENGINES.group, SPEECH_ENGINES.plural) not in made.watching.label_selectors
    assert made.process.ultimate_exiting_timeout is None, "else kopf kills the process"


def test_handlers_want_no_finalizer() -> None:
    made = kopf_watch.registry(lambda *_: None, login, [*kopf_watch.OWN, *kopf_watch.CHILDREN])
    for registry in (made._changing, made._spawning):
        assert not registry.get_all_handlers(), "these would add finalizers and annotations"
    found = [each.id for each in made._watching.get_all_handlers()]
    assert {SPEECH_ENGINES.plural, VOICE_PROFILES.plural, DEPLOYMENTS.plural} <= set(found)
    assert SECRETS.plural not in found, "who may watch them may read them all"
    assert len(found) == len(set(found)) == 2 + len(kopf_watch.CHILDREN)


async def test_handlers_only_pass_on_and_return_nothing() -> None:
    told: list[object] = []

    made = kopf_watch.registry(lambda *event: told.append(event), login, [SPEECH_ENGINES])
    [handler] = made._watching.get_all_handlers()
    obj = {"metadata": {"name": "a"}}
    call: Any = handler.fn
    returned = await call(event={"type": "ADDED", "object": obj}, body={}, other=1)
    assert returned is None, "kopf writes what a handler returns into the status"
    assert told == [(SPEECH_ENGINES, "ADDED", obj)]


async def test_watches_that_fail_begin_anew_and_end_when_they_are_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    began = 0
    stopped = threading.Event()

    async def operator(stop_flag: threading.Event, **_: Any) -> None:
        nonlocal began
        began += 1
        if began == 1:
            asyncio.get_running_loop().run_in_executor(None, stop_flag.wait)  # as kopf does
            await asyncio.sleep(0.05)
            raise RuntimeError("kopf escalates")
        while not stop_flag.is_set():
            await asyncio.sleep(0.01)
        stopped.set()

    monkeypatch.setattr(kopf, "operator", operator)
    watching = asyncio.create_task(kopf_watch.watch(lambda *_: None, login, ["n"], only_engines))
    await until(lambda: began >= 2)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert stopped.is_set(), "the thread has ended too"


async def test_events_come_in_the_loop_of_who_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    async def operator(registry: kopf.OperatorRegistry, stop_flag: threading.Event, **_: Any) -> None:
        [handler] = registry._watching.get_all_handlers()
        call: Any = handler.fn
        await call(event={"type": None, "object": {"metadata": {}}})
        await asyncio.to_thread(stop_flag.wait)

    monkeypatch.setattr(kopf, "operator", operator)
    on_event: kopf_watch.OnEvent = lambda *_: threads.append(threading.get_ident())  # noqa: E731
    watching = asyncio.create_task(kopf_watch.watch(on_event, login, ["n"], only_engines))
    await until(lambda: bool(threads))
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert threads == [threading.get_ident()]


async def test_kinds_that_go_and_come_are_watched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """kopf sees those alone that are there when it begins, and goes on without the others for ever."""
    monkeypatch.setattr(kopf_watch, "_LOOK_S", 0.05)
    there: list[Resource] = [SPEECH_ENGINES]
    watched: list[list[str]] = []

    async def operator(registry: kopf.OperatorRegistry, stop_flag: threading.Event, **_: Any) -> None:
        watched.append([str(each.id) for each in registry._watching.get_all_handlers()])
        await asyncio.to_thread(stop_flag.wait)

    async def look() -> list[Resource]:
        return [*there]

    monkeypatch.setattr(kopf, "operator", operator)
    watching = asyncio.create_task(kopf_watch.watch(lambda *_: None, login, ["n"], look))
    await until(lambda: len(watched) >= 1)
    there.clear()
    await asyncio.sleep(0.5)
    there.extend([SPEECH_ENGINES, VOICE_PROFILES])
    await until(lambda: len(watched) >= 2)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert watched == [["speechengines"], ["speechengines", "voiceprofiles"]]


async def test_a_token_is_read_again_and_one_that_was_refused_is_tried_again() -> None:
    """kopf never takes credentials again that are equal to those that the server refused, as it may while it starts."""
    found = Configuration(host="https://localhost", api_key={"BearerToken": "Bearer one"})
    first, second = [await connection.for_kopf(found) for _ in range(2)]
    assert (first.scheme, first.token) == ("Bearer", "one") and first != second
    assert first.expiration and first.expiration - datetime.now(UTC) < timedelta(hours=1)
    found.api_key["BearerToken"] = "bearer two"
    assert (await connection.for_kopf(found)).token == "two"
