"""A SpeechEngine's status, as a pure function of what was seen."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from timbre_operator import conditions, names
from timbre_operator.conditions import Condition
from timbre_operator.engines.troubles import Trouble
from timbre_operator.kube import Object
from timbre_operator.pod_state import has_other_model, is_ready
from timbre_operator.reasons import EngineReason

READY: Final = "Ready"
DEGRADED: Final = "Degraded"


def status(
    engine: Object, deployment: Object | None, pods: Iterable[Object], troubles: Sequence[Trouble], now: datetime
) -> Object:
    """The part of the status that tells of the engine's objects. engine: the SpeechEngine as the API has it.

    Ready: as many pods are ready as are wanted, and one at least; those that are for another model than the one whose
    digest the spec names do not count. Degraded: something is amiss.
    """
    wanted, ready = replicas(deployment)
    others = sum(is_ready(pod) and has_other_model(pod, engine) for pod in pods)
    ready = max(0, ready - others)
    told = f"{ready} of {wanted} pods ready"
    if others:
        told += f", and {others} with another model than the one that spec.model.digest names"
    found = [_ready(wanted, ready, told, troubles), _degraded(wanted, ready, told, troubles)]
    generation = engine["metadata"]["generation"]
    return {
        "observedGeneration": generation,
        "conditions": conditions.written(found, engine.get("status", {}).get("conditions", []), generation, now),
        "replicas": (deployment or {}).get("status", {}).get("replicas", 0),
        "readyReplicas": ready,
        "selector": ",".join(f"{key}={value}" for key, value in names.selector(engine["metadata"]["name"]).items()),
    }


def replicas(deployment: Object | None) -> tuple[int, int]:
    """How many pods the Deployment wants, and how many of them are ready."""
    if deployment is None:
        return 1, 0
    return deployment["spec"].get("replicas", 1), deployment.get("status", {}).get("readyReplicas", 0)


def _ready(wanted: int, ready: int, told: str, troubles: Sequence[Trouble]) -> Condition:
    if wanted == 0:
        return Condition(READY, False, EngineReason.SCALED_TO_ZERO, "no pod is wanted")
    if ready >= wanted:
        return Condition(READY, True, EngineReason.AVAILABLE, told)
    if troubles:
        return Condition(READY, False, troubles[0].reason, troubles[0].message)
    return Condition(READY, False, EngineReason.PODS_NOT_READY, told)


def _degraded(wanted: int, ready: int, told: str, troubles: Sequence[Trouble]) -> Condition:
    if troubles:
        return Condition(DEGRADED, True, troubles[0].reason, "; ".join(each.message for each in troubles))
    if ready < wanted:
        return Condition(DEGRADED, True, EngineReason.PODS_NOT_READY, told)
    return Condition(DEGRADED, False, EngineReason.AS_WANTED)
