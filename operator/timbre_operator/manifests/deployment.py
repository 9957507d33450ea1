"""The Deployment of an engine."""

from typing import Any

from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.kube.resource import DEPLOYMENTS
from timbre_operator.manifests import meta, pod
from timbre_operator.manifests.platform import Platform
from timbre_operator.resources.speechengine import SpeechEngine


def deployment(engine: SpeechEngine, platform: Platform) -> Object:
    """The Deployment. Without `replicas` where something else scales it."""
    spec: dict[str, Any] = {
        "selector": {"matchLabels": names.selector(engine.metadata.name)},
        "strategy": strategy(engine, platform),
        "revisionHistoryLimit": 3,
        "template": pod.template(engine, platform.image),
    }
    if engine.spec.autoscaling is None:
        spec["replicas"] = 1 if engine.spec.replicas is None else engine.spec.replicas
    made = meta.obj(engine, DEPLOYMENTS, names.speech(engine.metadata.name), spec=spec)
    if engine.spec.image is None:
        made["metadata"]["annotations"] = {names.DEFAULT_IMAGE: platform.image}
    return made


def strategy(engine: SpeechEngine, platform: Platform) -> Object:
    """A new pod comes before an old one goes, but where there is only one GPU or volume for the two of them."""
    surge = not (uses_gpu(engine) or platform.single_pod_volume)
    return {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0} if surge else {"maxSurge": 0, "maxUnavailable": 1},
    }


def uses_gpu(engine: SpeechEngine) -> bool:
    """Whether a pod takes a GPU, such as nvidia.com/gpu."""
    return any("gpu" in name for name in engine.spec.resources.limits)


def chosen_image(engine: SpeechEngine, live: Object | None, default: str) -> str:
    """The SpeechEngine's image; else the one that its Deployment began with; else the operator's default.

    So an operator of another version, with another default, restarts no engine.
    """
    if engine.spec.image is not None:
        return engine.spec.image
    began: str = (live or {}).get("metadata", {}).get("annotations", {}).get(names.DEFAULT_IMAGE, default)
    return began
