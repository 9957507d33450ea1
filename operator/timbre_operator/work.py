"""What the leader does: watch, reconcile, and look over everything now and then."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from timbre_common.errors import TimbreError
from timbre_common.names import DEFAULT_ENGINE
from timbre_operator.kube import Kube, Object, Resource
from timbre_operator.kube.resource import SPEECH_ENGINES, VOICE_PROFILES
from timbre_operator.metrics import Metrics
from timbre_operator.queue import Key, Kind, Queue, Reconcile
from timbre_operator.watch import kopf_watch
from timbre_operator.watch.interest import Interest

_log = logging.getLogger(__name__)

_AGAIN_S: Final = 10.0
"""Until the next look over everything, where one failed."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One term of a leader. alive: told whenever something was done."""

    kube: Kube
    metrics: Metrics
    passes: Mapping[Kind, Reconcile]
    login: kopf_watch.Login
    namespaces: Sequence[str]
    watched: kopf_watch.Watched
    workers: int
    resync: float
    alive: Callable[[], None]

    async def run(self) -> None:
        """Until cancelled. Nothing of an earlier term is kept: all that is watched comes anew."""
        queue, interest = Queue(self._pass, self, workers=self.workers), Interest()

        def on_event(resource: Resource, type_: str | None, obj: Object) -> None:
            queue.add_all(interest.keys(resource, type_, obj))

        self.metrics.begin_term(lambda: len(queue))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(queue.run())
                tasks.create_task(kopf_watch.watch(on_event, self.login, self.namespaces, self.watched))
                tasks.create_task(self._look_over(queue))
        finally:
            self.metrics.end_term()

    def passed(self, key: Key, seconds: float, error: Exception | None) -> None:
        """See queue.Observer."""
        self.metrics.passed(key, seconds, error)
        self.alive()

    async def _pass(self, key: Key) -> float | None:
        return await self.passes[key.kind](key)

    async def _look_over(self, queue: Queue) -> None:
        """Ask for a pass over everything, again and again: an event may have been lost.

        It is a sign of life only where no pass is asked for: looks go on where passes hang.
        """
        while True:
            try:
                for namespace in self.namespaces or (None,):
                    queue.add_all(await everything(self.kube, namespace))
                if not queue:
                    self.metrics.looked()
                wait = self.resync
            except TimbreError as error:
                _log.warning("no look over everything: %s", error)
                wait = _AGAIN_S
            if not queue:
                self.alive()
            await asyncio.sleep(wait)


async def everything(kube: Kube, namespace: str | None) -> set[Key]:
    """Every pass that there can be: over each SpeechEngine, and over each that a VoiceProfile names."""
    engines, profiles = await asyncio.gather(kube.list(SPEECH_ENGINES, namespace), kube.list(VOICE_PROFILES, namespace))
    found = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in engines}
    keys = {Key(Kind.ENGINE, *where) for where in found}
    for each in profiles:
        found.add((each["metadata"]["namespace"], each["spec"].get("engineRef", {}).get("name", DEFAULT_ENGINE)))
    return keys | {Key(Kind.VOICES, *where) for where in found}
