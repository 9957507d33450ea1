"""Who leads: the rules as a table, and replicas that share an API in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from support.kube import MemoryKube
from support.waiting import until
from timbre_common.errors import ClusterUnavailable, Forbidden, TimbreError
from timbre_operator.kube import Kube, Object, Resource
from timbre_operator.kube.resource import LEASES
from timbre_operator.leader import Election, Leader, Verdict

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def lease(holder: str | None, version: str = "1", seconds: int | None = 10) -> dict[str, Any]:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": seconds}
    return {"metadata": {"resourceVersion": version}, "spec": {key: value for key, value in spec.items() if value}}


@pytest.mark.parametrize(
    ("looks", "verdict"),
    [
        ([(lease("me"), 0)], Verdict.RENEW),
        ([(lease(""), 0)], Verdict.TAKE),
        ([(lease(None), 0)], Verdict.TAKE),
        ([(lease("other"), 0)], Verdict.WAIT),
        ([(lease("other"), 0), (lease("other"), 9.9)], Verdict.WAIT),
        ([(lease("other"), 0), (lease("other"), 10.1)], Verdict.TAKE),
        ([(lease("other"), 0), (lease("other", "2"), 9), (lease("other", "2"), 12)], Verdict.WAIT),
        ([(lease("other", seconds=None), 0), (lease("other", seconds=None), 10.1)], Verdict.TAKE),
        ([(lease("other", seconds=30), 0), (lease("other", seconds=30), 20)], Verdict.WAIT),
    ],
)
def test_what_a_replica_does(looks: list[tuple[dict[str, Any], float]], verdict: Verdict) -> None:
    election = Election("me", 10)
    assert [election.judge(*look) for look in looks][-1] is verdict


def test_a_lease_counts_its_holders_and_has_its_version_as_precondition() -> None:
    election = Election("me", 10)
    first = election.held(None, "l", "n", NOW)
    assert first["spec"]["leaseTransitions"] == 0 and "resourceVersion" not in first["metadata"]
    there = {**first, "metadata": {**first["metadata"], "resourceVersion": "4"}}
    renewed = election.held(there, "l", "n", datetime(2026, 11, 28, 1, tzinfo=UTC))
    assert renewed["spec"]["acquireTime"] == first["spec"]["acquireTime"] != renewed["spec"]["renewTime"]
    assert renewed["metadata"]["resourceVersion"] == "4" and renewed["spec"]["leaseTransitions"] == 0
    taken = Election("you", 10).held(there, "l", "n", NOW)
    assert taken["spec"]["leaseTransitions"] == 1 and taken["spec"]["holderIdentity"] == "you"
    assert election.released(there, "l", "n")["spec"]["holderIdentity"] == ""


class Replica:
    """A replica that only notes whether it works."""

    def __init__(self, kube: Kube, name: str) -> None:
        self.works = False
        self.terms = 0
        self.looks = 0
        self.leader = Leader(kube, name, "n", "l", 1.0, self.look)

    def look(self) -> None:
        self.looks += 1

    async def work(self) -> None:
        self.works, self.terms = True, self.terms + 1
        try:
            await asyncio.Event().wait()
        finally:
            self.works = False


@asynccontextmanager
async def running(replica: Replica) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(replica.leader.run(replica.work))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_one_of_two_works_and_the_other_takes_over_where_it_goes() -> None:
    kube = MemoryKube()
    first, second = Replica(kube, "first"), Replica(kube, "second")
    async with running(first) as leading:
        await until(lambda: first.works)
        async with running(second):
            for _ in range(50):
                await asyncio.sleep(0.02)
                assert not (first.works and second.works)
            assert first.works and first.terms == 1
            leading.cancel()
            await until(lambda: second.works)
            assert not first.works
    assert kube.objects["leases", "n", "l"]["spec"]["holderIdentity"] == "", "given back by both"


@pytest.mark.parametrize("error", [ClusterUnavailable("away"), Forbidden("no right")])
async def test_who_cannot_renew_stops_before_another_may_take_over_and_campaigns_again(error: TimbreError) -> None:
    kube = MemoryKube()
    replica = Replica(kube, "first")
    async with running(replica):
        await until(lambda: replica.works)
        renewed = asyncio.get_running_loop().time()
        kube.fail = lambda *_: error
        await until(lambda: not replica.works)
        assert asyncio.get_running_loop().time() - renewed < 5
        kube.fail = lambda *_: None
        await until(lambda: replica.works)
    assert replica.terms == 2


async def test_a_request_that_hangs_does_not_keep_a_leader_in_office() -> None:
    kube = MemoryKube()
    replica = Replica(kube, "first")
    async with running(replica):
        await until(lambda: replica.works)
        asked = kube.get

        async def hangs(*_: Any) -> None:
            await asyncio.Event().wait()

        kube.get = hangs  # type: ignore[method-assign,assignment]
        await until(lambda: not replica.works)
        kube.get = asked  # type: ignore[method-assign]


async def test_a_leader_whose_lease_another_took_stops_at_once() -> None:
    kube = MemoryKube()
    replica = Replica(kube, "first")
    async with running(replica):
        await until(lambda: replica.works)
        await kube.apply(LEASES, Election("thief", 60).held(None, "l", "n", NOW))
        await until(lambda: not replica.works)
        for _ in range(20):
            await asyncio.sleep(0.02)
            assert not replica.works


class Late(MemoryKube):
    """The objects of another, whose server does what it is asked and answers only when it may."""

    def __init__(self, of: MemoryKube) -> None:
        super().__init__()
        self.objects, self._versions = of.objects, of._versions
        self.may_answer = asyncio.Event()

    async def create(self, resource: Resource, obj: Object) -> Object:
        made = await super().create(resource, obj)
        await self.may_answer.wait()
        return made

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        if self.objects:
            await self.may_answer.wait()
        return await super().get(resource, namespace, name)


async def test_a_lease_counts_from_its_taking_and_not_from_an_answer_that_comes_late() -> None:
    kube = MemoryKube()
    late = Late(kube)
    first, second = Replica(late, "first"), Replica(kube, "second")
    async with running(first):
        await until(lambda: bool(kube.objects))
        async with running(second):
            await until(lambda: second.works)
            late.may_answer.set()
            for _ in range(20):
                await asyncio.sleep(0.02)
                assert not first.works


async def test_a_renewal_is_no_sign_of_life_of_who_leads_and_a_look_is_one_of_who_waits() -> None:
    """A leader whose passes hang is to be restarted, though it still renews its Lease."""
    kube = MemoryKube()
    first, second = Replica(kube, "first"), Replica(kube, "second")
    async with running(first):
        await until(lambda: first.works)
        looks, renewed = first.looks, len(kube.writes())
        async with running(second):
            await until(lambda: len(kube.writes()) >= renewed + 3)
            assert first.looks == looks and second.looks > 0


async def test_work_that_fails_ends_the_process_and_gives_the_lease_back() -> None:
    kube = MemoryKube()

    async def work() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await Leader(kube, "me", "n", "l", 1.0, lambda: None).run(work)
    assert kube.objects["leases", "n", "l"]["spec"]["holderIdentity"] == ""
