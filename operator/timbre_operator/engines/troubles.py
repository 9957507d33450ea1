"""What is amiss with an engine's pods, volumes and autoscaler, as reason and message: pure."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from timbre_common.names import EXIT_OTHER_FILE
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.reasons import EngineReason
from timbre_operator.resources.speechengine import SpeechEngine

_OF_WAITING: Final = {
    "ImagePullBackOff": EngineReason.IMAGE_UNAVAILABLE,
    "ErrImagePull": EngineReason.IMAGE_UNAVAILABLE,
    "ErrImageNeverPull": EngineReason.IMAGE_UNAVAILABLE,
    "InvalidImageName": EngineReason.IMAGE_UNAVAILABLE,
    "CrashLoopBackOff": EngineReason.CRASHING,
    "CreateContainerConfigError": EngineReason.POD_REFUSED,
    "CreateContainerError": EngineReason.POD_REFUSED,
    "RunContainerError": EngineReason.CRASHING,
}
_ONE_POD: Final = "ReadWriteOncePod"
_ONE_NODE: Final = "ReadWriteOnce"
_READ_ONLY: Final = "ReadOnlyMany"


class Trouble(NamedTuple):
    """What is amiss, for a condition, an event and a metric."""

    reason: EngineReason
    message: str


def of_pods(pods: Iterable[Object]) -> Trouble | None:
    """The first trouble that a pod is in."""
    for pod in sorted(pods, key=lambda each: str(each["metadata"]["name"])):
        found = _of_pod(pod)
        if found is not None:
            return Trouble(found.reason, f"pod {pod['metadata']['name']}: {found.message}")
    return None


def _of_pod(pod: Object) -> Trouble | None:
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Trouble(EngineReason.UNSCHEDULABLE, condition.get("message", "no node takes it"))
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        if (refused := _refused_model(container)) is not None:
            return Trouble(EngineReason.MODEL_MISMATCH, refused)
        waiting = container.get("state", {}).get("waiting", {})
        reason = _OF_WAITING.get(waiting.get("reason", ""))
        if reason is not None:
            return Trouble(reason, f"container {container['name']}: {_told(waiting, container)}")
    return None


def _refused_model(container: Object) -> str | None:
    """What an engine said of a model that it would not load, from its end until it has begun anew."""
    state = container.get("state", {})
    ended = state.get("terminated") or container.get("lastState", {}).get("terminated") or {}
    begun = "running" in state and container.get("started", False)
    if container["name"] != names.ENGINE or begun or ended.get("exitCode") != EXIT_OTHER_FILE:
        return None
    return ended.get("message") or "its model is not the one that spec.model.digest names; its log says more"


def _told(waiting: Object, container: Object) -> str:
    """The kubelet's words, how the container ended last, and its own last word."""
    ended = container.get("lastState", {}).get("terminated", {})
    words = f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    if not ended:
        return words
    last = f": {ended['message']}" if ended.get("message") else ""
    return f"{words} (it ended with {ended.get('reason', 'status')} {ended['exitCode']}{last})"


def of_deployment(deployment: Object | None) -> Trouble | None:
    """Pods that the Deployment cannot make."""
    for condition in (deployment or {}).get("status", {}).get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return Trouble(EngineReason.POD_REFUSED, condition.get("message", "pods cannot be made"))
    return None


def of_autoscaler(autoscaler: Object | None) -> Trouble | None:
    """An autoscaler, of either kind, that cannot measure."""
    for condition in (autoscaler or {}).get("status", {}).get("conditions", []):
        if condition["type"] in ("ScalingActive", "Ready") and condition["status"] == "False":
            if condition.get("reason") == "ScalingDisabled":  # no replicas: somebody's wish
                continue
            return Trouble(EngineReason.AUTOSCALING_BLIND, condition.get("message", "the autoscaler is not ready"))
    return None


def claim_names(engine: SpeechEngine) -> set[str]:
    """The claims that the engine's pods mount."""
    adapters = engine.spec.adapters_volume.persistent_volume_claim
    model = engine.spec.model.persistent_volume_claim if engine.spec.model else None
    return {claim.claim_name for claim in (adapters, model) if claim is not None}


def of_claims(engine: SpeechEngine, claims: dict[str, Object | None], *, all_ready: bool) -> Trouble | None:
    """A claim that is missing or cannot be used so. all_ready: whether every pod is ready, whatever it mounts."""
    for name in sorted(claim_names(engine)):
        claim = claims.get(name)
        if claim is None:
            return Trouble(EngineReason.VOLUME_UNUSABLE, f"there is no PersistentVolumeClaim {name}")
        if claim.get("status", {}).get("phase") == "Lost":
            return Trouble(EngineReason.VOLUME_UNUSABLE, f"PersistentVolumeClaim {name} has lost its volume")
        modes = set(claim["spec"].get("accessModes", []))
        if most_replicas(engine) > 1 and modes == {_ONE_POD}:
            return Trouble(EngineReason.VOLUME_UNUSABLE, f"PersistentVolumeClaim {name} is for one pod ({_ONE_POD})")
        if most_replicas(engine) > 1 and modes == {_ONE_NODE} and not all_ready:
            message = f"PersistentVolumeClaim {name} is for the pods of one node ({_ONE_NODE}), and not all are ready"
            return Trouble(EngineReason.VOLUME_UNUSABLE, message)
        if _is_written(engine, name) and modes == {_READ_ONLY}:
            message = f"PersistentVolumeClaim {name} is read-only, and files shall be fetched into it"
            return Trouble(EngineReason.VOLUME_UNUSABLE, message)
    return None


def single_pod(claims: Iterable[Object | None]) -> bool:
    """Whether a claim is for one pod at a time."""
    return any(claim is not None and set(claim["spec"].get("accessModes", [])) == {_ONE_POD} for claim in claims)


def most_replicas(engine: SpeechEngine) -> int:
    """How many pods there can be."""
    if engine.spec.autoscaling is not None:
        return engine.spec.autoscaling.max_replicas
    return 1 if engine.spec.replicas is None else engine.spec.replicas


def _is_written(engine: SpeechEngine, claim: str) -> bool:
    adapters = engine.spec.adapters_volume.persistent_volume_claim
    return adapters is not None and adapters.claim_name == claim and bool(engine.spec.sources.allowed_hosts)
