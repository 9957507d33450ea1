"""The pass over a SpeechEngine's objects: observe, decide, apply, and say in its status what came of it."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from timbre_common.errors import Forbidden, InvalidInput
from timbre_operator import conditions, decide, names, owned
from timbre_operator.decide import Action
from timbre_operator.engines import status, troubles
from timbre_operator.engines.troubles import Trouble
from timbre_operator.events import Events, EventType
from timbre_operator.kube import FIELD_MANAGER, Kube, Object, Resource
from timbre_operator.kube.resource import (
    AUTOSCALERS,
    CLAIMS,
    DEPLOYMENTS,
    DISRUPTION_BUDGETS,
    PODS,
    SCALED_OBJECTS,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
    SPEECH_ENGINES,
)
from timbre_operator.manifests import Platform, Scaler, Wanted, deployment, secret, wanted
from timbre_operator.metrics import Metrics
from timbre_operator.queue import Key
from timbre_operator.reasons import EngineReason
from timbre_operator.resources import speechengine
from timbre_operator.resources.speechengine import SpeechEngine

_log = logging.getLogger(__name__)

_KEEPER: Final = "timbre-operator-replicas"
"""Field manager that holds a Deployment's replicas while they pass to an autoscaler."""
_AGAIN_S: Final = 60.0
"""Seconds until a pass looks again at what it is not told of, such as its Secret, or a claim that was missing."""
_OPTIONAL: Final = (DISRUPTION_BUDGETS, AUTOSCALERS, SCALED_OBJECTS)
"""Kinds that come and go with the spec."""


class Capabilities(Protocol):
    """What the cluster offers."""

    async def keda(self) -> bool:
        """Whether KEDA's ScaledObject is there."""
        ...


@dataclass
class _Seen:
    """What is there, by kind and name."""

    objects: dict[tuple[Resource, str], Object | None]
    claims: dict[str, Object | None]
    pods: list[Object]
    troubles: list[Trouble] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class EngineReconcile:
    """The reconcile of SpeechEngines. image: where a SpeechEngine names none. prometheus: for KEDA; "": without."""

    kube: Kube
    events: Events
    metrics: Metrics
    capabilities: Capabilities
    image: str
    prometheus: str = ""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def __call__(self, key: Key) -> float | None:
        """One pass. Seconds until the next is due by itself."""
        live = await self.kube.get(SPEECH_ENGINES, key.namespace, key.engine)
        if live is None or live["metadata"].get("deletionTimestamp"):
            self.metrics.forget(key)  # what it had goes by ownerReferences
            return None
        try:
            engine = speechengine.parse(live)
        except InvalidInput as error:
            await self._tell(key, live, None, [], [Trouble(EngineReason.INVALID, str(error))])
            return None
        seen = await self._observe(engine)
        await self._prune(engine, seen, made := await self._wanted(engine, seen))
        for each in made:
            await self._apply(engine, seen, each)
        seen.troubles += self._amiss(engine, seen)
        await self._tell(key, live, seen.objects[DEPLOYMENTS, names.speech(key.engine)], seen.pods, seen.troubles)
        return self._next(engine, seen)

    async def _observe(self, engine: SpeechEngine) -> _Seen:
        namespace, name = engine.metadata.namespace or "", engine.metadata.name
        keys = [
            (resource, names.speech(name))
            for resource in (SERVICE_ACCOUNTS, SERVICES, DEPLOYMENTS, DISRUPTION_BUDGETS, AUTOSCALERS)
        ]
        keys += [(SERVICES, names.pods_service(name)), (SECRETS, names.admin_secret(name))]
        if await self.capabilities.keda():
            keys.append((SCALED_OBJECTS, names.speech(name)))
        claims = sorted(troubles.claim_names(engine))
        labels = ",".join(f"{key}={value}" for key, value in names.selector(name).items())
        found, found_claims, pods = await asyncio.gather(
            asyncio.gather(*(self.kube.get(resource, namespace, each) for resource, each in keys)),
            asyncio.gather(*(self.kube.get(CLAIMS, namespace, each) for each in claims)),
            self.kube.list(PODS, namespace, labels=labels),
        )
        return _Seen(dict(zip(keys, found, strict=True)), dict(zip(claims, found_claims, strict=True)), pods)

    async def _wanted(self, engine: SpeechEngine, seen: _Seen) -> list[Wanted]:
        live = seen.objects[DEPLOYMENTS, names.speech(engine.metadata.name)]
        keda = bool(self.prometheus) and await self.capabilities.keda()
        platform = Platform(
            image=deployment.chosen_image(engine, live, self.image),
            scaler=Scaler.KEDA if keda else Scaler.CPU,
            prometheus=self.prometheus,
            single_pod_volume=troubles.single_pod(seen.claims.values()),
        )
        there = secret.read(seen.objects[SECRETS, names.admin_secret(engine.metadata.name)])
        tokens = secret.due(there, self.clock(), engine.spec.admin_token_rotation_days)
        return [Wanted(SECRETS, secret.secret(engine, tokens)), *wanted(engine, platform)]

    async def _prune(self, engine: SpeechEngine, seen: _Seen, made: list[Wanted]) -> None:
        """Delete what is wanted no more, before an autoscaler of the other kind comes."""
        keep = {(each.resource, each.obj["metadata"]["name"]) for each in made}
        for (resource, name), live in seen.objects.items():
            if resource in _OPTIONAL and (resource, name) not in keep and live is not None:
                metadata = live["metadata"]
                if decide.belongs(live, engine.metadata.uid) and not metadata.get("deletionTimestamp"):
                    await self.kube.delete(resource, metadata["namespace"], name, uid=metadata["uid"])
                    _log.info("deleted %s %s/%s", resource.kind, metadata["namespace"], name)

    async def _apply(self, engine: SpeechEngine, seen: _Seen, each: Wanted) -> None:
        """Apply one object where it is needed. What the server refuses is a trouble, and stops no other object."""
        obj = owned.stamped(each.obj)
        name = obj["metadata"]["name"]
        live = seen.objects.get((each.resource, name))
        action = decide.decide(live, obj, engine.metadata.uid)
        if action is Action.LEAVE:
            message = f"{each.resource.kind} {name} is there and is not this SpeechEngine's"
            seen.troubles.append(Trouble(EngineReason.NAME_CONFLICT, message))
            seen.objects[each.resource, name] = None
        if action is not Action.APPLY:
            return
        try:
            await self._keep_replicas(each, live)
            if live is not None:
                # Tokens are made of those that were read; of all else only the object itself must be the same.
                condition = "resourceVersion" if each.resource is SECRETS else "uid"
                obj["metadata"][condition] = live["metadata"][condition]
            seen.objects[each.resource, name] = await self.kube.apply(each.resource, obj)
            _log.info("applied %s %s/%s", each.resource.kind, obj["metadata"]["namespace"], name)
        except InvalidInput as error:
            seen.troubles.append(Trouble(EngineReason.REFUSED, str(error)))
        except Forbidden as error:
            seen.troubles.append(Trouble(EngineReason.FORBIDDEN, str(error)))

    async def _keep_replicas(self, each: Wanted, live: Object | None) -> None:
        if each.resource is not DEPLOYMENTS or live is None:
            return
        replicas = decide.keep_replicas(live, each.obj, FIELD_MANAGER)
        if replicas is not None:
            metadata = {"name": live["metadata"]["name"], "namespace": live["metadata"]["namespace"]}
            kept = {"apiVersion": each.obj["apiVersion"], "kind": each.obj["kind"], "metadata": metadata}
            await self.kube.apply(DEPLOYMENTS, {**kept, "spec": {"replicas": replicas}}, manager=_KEEPER)

    def _amiss(self, engine: SpeechEngine, seen: _Seen) -> list[Trouble]:
        name = names.speech(engine.metadata.name)
        deployment_ = seen.objects[DEPLOYMENTS, name]
        wanted_, ready = status.replicas(deployment_)
        found = [
            troubles.of_claims(engine, seen.claims, all_ready=ready >= wanted_),
            troubles.of_deployment(deployment_),
            troubles.of_pods(seen.pods),
        ]
        if engine.spec.autoscaling is not None and wanted_ > 0:
            scaler = seen.objects.get((SCALED_OBJECTS, name)) or seen.objects[AUTOSCALERS, name]
            found.append(troubles.of_autoscaler(scaler))
        return [each for each in found if each is not None]

    async def _tell(
        self, key: Key, live: Object, deployment_: Object | None, pods: list[Object], found: list[Trouble]
    ) -> None:
        """Status, events and metrics; the status only where it says something new."""
        self.metrics.problems(key, Counter(each.reason.value for each in found))
        for each in found:
            await self.events.tell(live, EventType.WARNING, each.reason, each.message)
        said = status.status(live, deployment_, pods, found, self.clock())
        if not conditions.same(live.get("status", {}), said):
            await self.kube.patch_status(SPEECH_ENGINES, key.namespace, key.engine, said)

    def _next(self, engine: SpeechEngine, seen: _Seen) -> float:
        tokens = secret.read(seen.objects[SECRETS, names.admin_secret(engine.metadata.name)])
        if seen.troubles or tokens is None:
            return _AGAIN_S
        left = tokens.since + timedelta(days=engine.spec.admin_token_rotation_days) - self.clock()
        return min(_AGAIN_S, max(1.0, left.total_seconds()))
