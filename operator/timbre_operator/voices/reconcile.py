"""The pass over an engine's voices: observe, decide, write the document, tell pods, and say what came of it."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from timbre_common.documents import VoicesDocument, VoiceState
from timbre_common.errors import InvalidInput, NotFound
from timbre_operator import conditions, decide, names
from timbre_operator.events import Events, EventType
from timbre_operator.kube import FIELD_MANAGER, Kube, Object, Resource
from timbre_operator.kube.resource import CONFIG_MAPS, SPEECH_ENGINES, VOICE_PROFILES
from timbre_operator.metrics import Metrics
from timbre_operator.queue import Key
from timbre_operator.resources import speechengine
from timbre_operator.resources.speechengine import SpeechEngine
from timbre_operator.voices import accepted, document, engine_status, listed, profile_status, routes, telling
from timbre_operator.voices.accepted import Judged
from timbre_operator.voices.document import Next
from timbre_operator.voices.observed import Observed, observe
from timbre_operator.voices.profile_status import Seen, Verdict
from timbre_operator.voices.reasons import CALM, OF_ENGINE, VoiceReason
from timbre_operator.voices.routes import Written
from timbre_operator.voices.telling import Administration

_log = logging.getLogger(__name__)

_SOON_S: Final = (0.25, 0.5, 1.0)
"""Seconds until a pass looks again at voices that are on their way: the first looks, and all later ones."""
_FAILED_S: Final = 10.0
"""Seconds between tries of voices that failed, and until the next look at pods that do not answer."""
_IDLE_S: Final = 30.0
"""Seconds until the next look where nothing is amiss: an engine may have lost what it listed."""
_WRITES: Final = 8
"""Statuses that are written at once."""


@dataclass
class _Looks:
    """What passes remember of an engine."""

    waiting: int = 0
    """How often in a row voices on their way were looked at."""
    tried: float = float("-inf")
    """When pods were last told to try again."""
    raised: int = -1
    """The generation that the same voices got for pods that followed others: those that still do always will."""


@dataclass(frozen=True, kw_only=True)
class VoicesReconcile:
    """The reconcile of an engine's voices."""

    kube: Kube
    pods: Administration
    events: Events
    metrics: Metrics
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    _looks: dict[Key, _Looks] = field(default_factory=dict)

    async def __call__(self, key: Key) -> float | None:
        """One pass. Seconds until the next is due by itself."""
        there = await observe(self.kube, key)
        judged = accepted.judge(there.profiles, (each["metadata"]["name"] for each in there.engines))
        live = there.engine(key.engine)
        if live is None:
            self._looks.pop(key, None)
            written = await self._write_routes(key, there, judged)
            await self._tell(key, judged, None, Seen(0, []), written)
            return None
        lists = await telling.ask(self.pods, listed.pods(there.pods, live), there.tokens)
        stored = document.stored_document(there.maps, key.engine)
        judged = document.within_room(judged, key.engine)
        looks = self._looks.setdefault(key, _Looks())
        known = None if stored is None or stored.generation == looks.raised else stored
        newest = [pod.newest(known) for pod in lists]
        due = document.next_document(document.spoken(judged, key.engine), key.engine, stored, newest)
        if due.changed and stored is not None and due.document.voices == stored.voices:
            looks.raised = due.document.generation
        blocked, wanted = None, 1
        try:
            engine = speechengine.parse(live)
        except InvalidInput as error:
            blocked = Verdict(False, VoiceReason.ENGINE_NOT_READY, f"the SpeechEngine is not understood: {error}")
        else:
            wanted = 1 if engine.spec.replicas is None else engine.spec.replicas
            blocked = await self._write_document(engine, there, due)
        written = await self._write_routes(key, there, judged)
        if blocked is None:
            lists = await telling.tell(self.pods, lists, there.tokens, due.document, again=self._try_again(key, lists))
        seen = Seen(wanted, lists, blocked)
        await self._tell(key, judged, due.document, seen, written)
        said = engine_status.status(live, due.document, seen, self.clock())
        if not conditions.same(live.get("status", {}), said):
            await self._patch(SPEECH_ENGINES, live, said, engine_status.MANAGER)
            (condition,) = said["conditions"]
            if condition["reason"] in OF_ENGINE:
                await self._warn(SPEECH_ENGINES, live, condition)
        return self._next(key, seen)

    async def _write_document(self, engine: SpeechEngine, there: Observed, due: Next) -> Verdict | None:
        """Write the ConfigMaps that differ, and remove those that are left over. What keeps it from that."""
        if not due.changed:
            return None
        namespace, kept = engine.metadata.namespace or "", set[str]()
        for obj in document.config_maps(engine, due.document):
            name = obj["metadata"]["name"]
            live = there.maps.get(name) or await self.kube.get(CONFIG_MAPS, namespace, name)
            if live is not None and not decide.belongs(live, engine.metadata.uid):
                return Verdict(False, VoiceReason.NAME_CONFLICT, f"ConfigMap {name} is there and is not this engine's")
            if live is not None:
                obj["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
            await self.kube.apply(CONFIG_MAPS, obj)
            kept.add(name)
        for name, live in there.maps.items():
            if name not in kept and decide.belongs(live, engine.metadata.uid):
                await self.kube.delete(CONFIG_MAPS, namespace, name, uid=live["metadata"]["uid"])
        _log.info("%s/%s: voices of generation %d", namespace, engine.metadata.name, due.document.generation)
        return None

    async def _write_routes(self, key: Key, there: Observed, judged: Sequence[Judged]) -> Written:
        live = there.routes
        if live is not None and not routes.is_ours(live):
            told = f"ConfigMap {names.ROUTES} is there and is not the operator's: the bridge learns of no agent"
            for about in there.engines:
                await self.events.tell(about, EventType.WARNING, VoiceReason.NAME_CONFLICT, told)
            return Written(Verdict(False, VoiceReason.NAME_CONFLICT, told))
        if not there.engines:
            if live is not None:
                await self.kube.delete(CONFIG_MAPS, key.namespace, names.ROUTES, uid=live["metadata"]["uid"])
            return Written()
        wanted = routes.routes(judged, there.engines, key.namespace)
        made = routes.config_map(wanted, there.engines, key.namespace)
        if live is None or not routes.same(live, made):
            if live is not None:
                made["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
            await self.kube.apply(CONFIG_MAPS, made)
        return routes.written(judged, wanted)

    async def _tell(
        self, key: Key, judged: Iterable[Judged], wanted: VoicesDocument | None, seen: Seen, written: Written
    ) -> None:
        """Statuses of the engine's profiles, each only where it says something new, events and metrics."""
        voices = {} if wanted is None else {voice.name: voice for voice in wanted.voices}
        now, places = self.clock(), asyncio.Semaphore(_WRITES)
        states, problems, writes = Counter[str](), Counter[str](), list[Awaitable[None]]()
        for each in judged:
            if each.engine != key.engine:
                continue
            voice = voices.get(each.profile.spec.agent_id) if each.accepted and each.profile else None
            said = profile_status.status(each, voice, seen, routes.routed(each, written), now)
            if each.reason is not VoiceReason.SUSPENDED:
                states[_state(said["conditions"][-1]["reason"])] += 1
            if (amiss := profile_status.amiss(said)) is not None:
                problems[amiss["reason"]] += 1
            if not conditions.same(each.obj.get("status", {}), said):
                writes.append(self._say(each.obj, said, amiss, places))
        self.metrics.voices(key, states)
        self.metrics.problems(key, problems)
        for error in await asyncio.gather(*writes, return_exceptions=True):
            if isinstance(error, BaseException):
                raise error

    async def _say(self, obj: Object, said: Object, amiss: Object | None, places: asyncio.Semaphore) -> None:
        async with places:
            await self._patch(VOICE_PROFILES, obj, said)
            if amiss is not None and amiss["reason"] not in OF_ENGINE:
                await self._warn(VOICE_PROFILES, obj, amiss)

    async def _warn(self, resource: Resource, obj: Object, condition: Object) -> None:
        about = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        await self.events.tell(about, EventType.WARNING, VoiceReason(condition["reason"]), condition["message"])

    async def _patch(self, resource: Resource, obj: Object, said: Object, manager: str = FIELD_MANAGER) -> None:
        metadata = obj["metadata"]
        try:
            await self.kube.patch_status(resource, metadata["namespace"], metadata["name"], said, manager=manager)
        except NotFound:
            _log.info("%s %s/%s has gone meanwhile", resource.kind, metadata["namespace"], metadata["name"])

    def _try_again(self, key: Key, lists: Sequence[listed.PodList]) -> bool:
        looks, now = self._looks.setdefault(key, _Looks()), self.monotonic()
        if not any(pod.failing for pod in lists) or now - looks.tried < _FAILED_S:
            return False
        looks.tried = now
        return True

    def _next(self, key: Key, seen: Seen) -> float:
        looks = self._looks.setdefault(key, _Looks())
        if any(pod.status is not None and not pod.settled for pod in seen.pods):
            looks.waiting += 1
            return _SOON_S[min(looks.waiting, len(_SOON_S)) - 1]
        looks.waiting = 0
        amiss = seen.blocked is not None or any(pod.failing or pod.status is None for pod in seen.pods)
        return _FAILED_S if amiss else _IDLE_S


def _state(reason: str) -> VoiceState:
    if reason == VoiceReason.LOADED:
        return VoiceState.READY
    return VoiceState.LOADING if reason in CALM else VoiceState.FAILED
