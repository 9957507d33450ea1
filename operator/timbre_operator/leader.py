"""Who leads: one of the replicas, by a Lease.

kubernetes.aio.leaderelection has no limit on how long a renewal may hang, ends where the API server is away, and lets
nobody go early; so the election is here, over the operator's own client.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from random import Random
from typing import Final

from timbre_common.errors import TimbreError
from timbre_operator.kube import Kube, Object
from timbre_operator.kube.resource import LEASES

_log = logging.getLogger(__name__)

_DEADLINE: Final = 0.7
"""Part of the Lease's seconds without a renewal after which its holder stops, well before another takes over."""
_PERIOD: Final = 0.2
"""Part of the Lease's seconds between two looks at it."""


class Verdict(Enum):
    """What a replica does after a look at the Lease."""

    WAIT = auto()
    """Another holds it."""
    TAKE = auto()
    """It is free, or its holder does not renew it."""
    RENEW = auto()
    """It is held by this replica."""


@dataclass
class Election:
    """One replica's view of the Lease, pure: times are passed in, by this replica's own clock alone.

    identity: of the replica. seconds: that a Lease holds without being renewed.
    """

    identity: str
    seconds: float
    _version: str | None = None
    _since: float = 0.0

    def judge(self, lease: Object, now: float) -> Verdict:
        """What to do about the Lease as it is."""
        version = lease["metadata"]["resourceVersion"]
        if version != self._version:
            self._version, self._since = version, now
        holder = lease.get("spec", {}).get("holderIdentity")
        if holder == self.identity:
            return Verdict.RENEW
        held = lease.get("spec", {}).get("leaseDurationSeconds") or self.seconds
        return Verdict.TAKE if not holder or now - self._since >= held else Verdict.WAIT

    def held(self, lease: Object | None, name: str, namespace: str, moment: datetime) -> Object:
        """The Lease, held by this replica. With the version of `lease` as its precondition."""
        spec = (lease or {}).get("spec", {})
        stays = spec.get("holderIdentity") == self.identity
        changes = spec.get("leaseTransitions", 0) + (0 if stays or lease is None else 1)
        return self._lease(lease, name, namespace) | {
            "spec": {
                "holderIdentity": self.identity,
                "leaseDurationSeconds": max(1, round(self.seconds)),
                "acquireTime": spec["acquireTime"] if stays and "acquireTime" in spec else _micro(moment),
                "renewTime": _micro(moment),
                "leaseTransitions": changes,
            }
        }

    def released(self, lease: Object, name: str, namespace: str) -> Object:
        """The Lease without a holder: whoever looks at it next may take it."""
        spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        return self._lease(lease, name, namespace) | {"spec": spec}

    @staticmethod
    def _lease(lease: Object | None, name: str, namespace: str) -> Object:
        metadata = {"name": name, "namespace": namespace}
        if lease is not None:
            metadata["resourceVersion"] = lease["metadata"]["resourceVersion"]
        return {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata}


class Leader:
    """Campaigns for the Lease, works while it holds it, and campaigns again when it lost it.

    identity: of this replica. seconds: that the Lease holds without a renewal.
    looked: told after each look at it, but while this replica leads: then its work says whether it is alive.
    """

    def __init__(
        self, kube: Kube, identity: str, namespace: str, name: str, seconds: float, looked: Callable[[], None]
    ) -> None:
        self._kube = kube
        self._election = Election(identity, seconds)
        self._namespace = namespace
        self._name = name
        self._seconds = seconds
        self._within = seconds * _DEADLINE
        self._random = Random()  # noqa: S311 -- jitter needs no cryptography
        self._lease: Object | None = None
        self._looked = looked

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled: then the work is cancelled first, and the Lease is given back after it."""
        while True:
            held_since = await self._until_held()
            _log.info("%s leads", self._election.identity)
            try:
                await self._lead(work, held_since)
            finally:
                await asyncio.shield(self._release())
            _log.warning(
                "%s leads no more: the Lease was not renewed in time, or another has it", self._election.identity
            )

    async def _until_held(self) -> float:
        """When the look began by which it is held: others may count from then, however late the answer came."""
        while True:
            began = time.monotonic()
            held = await self._hold(self._within)
            self._looked()
            if held:
                return began
            await asyncio.sleep(self._pause())

    async def _lead(self, work: Callable[[], Awaitable[None]], held_since: float) -> None:
        """Work while the Lease is renewed. What the work raises ends it."""
        working = asyncio.ensure_future(work())
        renewing = asyncio.create_task(self._until_lost(held_since))
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.wait({working, renewing})
        if not working.cancelled():
            working.result()

    async def _until_lost(self, renewed: float) -> None:
        """renewed: when the last look began by which the Lease was held."""
        while (left := renewed + self._within - time.monotonic()) > 0:
            await asyncio.sleep(min(self._pause(), left))
            began = time.monotonic()
            if await self._hold(max(0.0, renewed + self._within - began)):
                renewed = began
            elif not self._mine():
                return

    async def _hold(self, within: float) -> bool:
        """One try of so many seconds to take or renew the Lease: whether it is held then. What fails is not held."""
        try:
            async with asyncio.timeout(within):
                return await self._take()
        except (TimbreError, TimeoutError) as error:
            _log.warning("the Lease %s/%s: %s", self._namespace, self._name, error or "no answer in time")
            return False

    async def _take(self) -> bool:
        found = self._lease = await self._kube.get(LEASES, self._namespace, self._name)
        if found is not None and self._election.judge(found, time.monotonic()) is Verdict.WAIT:
            return False
        wanted = self._election.held(found, self._name, self._namespace, datetime.now(UTC))
        if found is None:
            self._lease = await self._kube.create(LEASES, wanted)
        else:
            self._lease = await self._kube.apply(LEASES, wanted)
        return True

    async def _release(self) -> None:
        if self._lease is None or not self._mine():
            return
        with suppress(TimbreError, TimeoutError):
            async with asyncio.timeout(self._within):
                await self._kube.apply(LEASES, self._election.released(self._lease, self._name, self._namespace))
        self._lease = None

    def _mine(self) -> bool:
        holder = (self._lease or {}).get("spec", {}).get("holderIdentity")
        return bool(holder == self._election.identity)

    def _pause(self) -> float:
        """Seconds until the next look, with jitter so that replicas do not look at the same moment."""
        return self._seconds * _PERIOD * self._random.uniform(0.8, 1.2)


def _micro(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
