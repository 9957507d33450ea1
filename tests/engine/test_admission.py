import asyncio
from contextlib import AsyncExitStack

import pytest

from timbre_common.errors import Busy, EngineUnavailable
from timbre_engine.admission import Admission


async def hold(admission: Admission, name: str, got: list[str], release: asyncio.Event) -> None:
    async with admission.slot(name):
        got.append(name)
        await release.wait()


async def test_first_come_first_served() -> None:
    admission, got = Admission(slots=2, queue=3), list[str]()
    releases = {name: asyncio.Event() for name in "abcde"}
    async with asyncio.TaskGroup() as group:
        for name, release in releases.items():
            group.create_task(hold(admission, name, got, release))
        await asyncio.sleep(0)
        assert (got, admission.running, admission.waiting) == (["a", "b"], 2, 3)
        assert [slot.voice for slot in admission.slots] == ["a", "b"]
        for name in "bacde":
            releases[name].set()
            await asyncio.sleep(0.01)
    assert got == list("abcde")
    assert (admission.running, admission.waiting) == (0, 0)


async def test_full_is_busy_with_a_time_to_come_back() -> None:
    admission = Admission(slots=1, queue=0)
    async with admission.slot("a"):
        with pytest.raises(Busy) as refused:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(admission.slot("b"))
        assert refused.value.retry_after is not None
        assert 1 <= refused.value.retry_after <= 30
    async with admission.slot("b"):
        assert admission.running == 1


async def test_who_goes_away_leaves_the_queue_at_once() -> None:
    admission, got, release = Admission(slots=1, queue=2), list[str](), asyncio.Event()
    first, second, third = [asyncio.create_task(hold(admission, name, got, release)) for name in "abc"]
    await asyncio.sleep(0)
    assert admission.waiting == 2
    second.cancel()
    await asyncio.wait({second})
    assert admission.waiting == 1
    release.set()
    await asyncio.gather(first, third)
    assert got == ["a", "c"]
    assert (admission.running, admission.waiting) == (0, 0)


async def test_a_slot_given_to_who_just_went_away_is_passed_on() -> None:
    admission, got, release = Admission(slots=1, queue=2), list[str](), asyncio.Event()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(admission.slot("a"))
        second, third = [asyncio.create_task(hold(admission, name, got, release)) for name in "bc"]
        await asyncio.sleep(0)
    second.cancel()  # its slot was granted, and it has not run since
    await asyncio.wait({second})
    release.set()
    await third
    assert got == ["c"]
    assert admission.running == 0


async def test_idle_waits_for_the_last() -> None:
    admission, release = Admission(slots=2, queue=0), asyncio.Event()
    await admission.idle()
    task = asyncio.create_task(hold(admission, "a", [], release))
    await asyncio.sleep(0)
    idle = asyncio.create_task(admission.idle())
    await asyncio.sleep(0)
    assert not idle.done()
    release.set()
    await asyncio.gather(task, idle)


@pytest.mark.parametrize("given_up", [False, True])
async def test_who_waits_can_be_refused_and_who_speaks_goes_on(given_up: bool) -> None:
    admission, got = Admission(slots=1, queue=2), list[str]()
    release = asyncio.Event()
    speaking = asyncio.create_task(hold(admission, "a", got, release))
    waiting = [asyncio.create_task(hold(admission, name, got, release)) for name in "bc"]
    await asyncio.sleep(0)
    admission.refuse_waiting(EngineUnavailable("it stops"))
    if given_up:
        waiting[0].cancel()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in ended] == [
        asyncio.CancelledError if given_up else EngineUnavailable,
        EngineUnavailable,
    ]
    release.set()
    await speaking
    assert (got, admission.running, admission.waiting) == (["a"], 0, 0)
    async with admission.slot("d"):
        assert admission.running == 1
