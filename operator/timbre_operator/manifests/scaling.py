"""How many pods there are, and how many may go at once."""

from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.kube.resource import AUTOSCALERS, DEPLOYMENTS, DISRUPTION_BUDGETS, SCALED_OBJECTS
from timbre_operator.manifests import meta
from timbre_operator.resources.speechengine import Autoscaling, SpeechEngine

_POLLING_S = 10


def disruption_budget(engine: SpeechEngine) -> Object | None:
    """None for a single pod: it would forbid draining its node for ever. A pod that is not ready may always go."""
    autoscaling = engine.spec.autoscaling
    most = autoscaling.max_replicas if autoscaling else engine.spec.replicas or 1
    if most < 2:
        return None
    return meta.obj(
        engine,
        DISRUPTION_BUDGETS,
        names.speech(engine.metadata.name),
        spec={
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": names.selector(engine.metadata.name)},
        },
    )


def autoscaler(engine: SpeechEngine, autoscaling: Autoscaling) -> Object:
    """By the CPU of the engine's container, measured by what it requests."""
    name = names.speech(engine.metadata.name)
    target = {"type": "Utilization", "averageUtilization": autoscaling.cpu_utilization}
    return meta.obj(
        engine,
        AUTOSCALERS,
        name,
        spec={
            "scaleTargetRef": {"apiVersion": DEPLOYMENTS.api_version, "kind": DEPLOYMENTS.kind, "name": name},
            "minReplicas": autoscaling.min_replicas,
            "maxReplicas": autoscaling.max_replicas,
            "behavior": _behavior(autoscaling),
            "metrics": [
                {
                    "type": "ContainerResource",
                    "containerResource": {"name": "cpu", "container": names.ENGINE, "target": target},
                }
            ],
        },
    )


def scaled_object(engine: SpeechEngine, autoscaling: Autoscaling, prometheus: str) -> Object:
    """By the requests that wait for a slot, as Prometheus counts them, but never fewer pods than what runs fills."""
    name = names.speech(engine.metadata.name)
    return meta.obj(
        engine,
        SCALED_OBJECTS,
        name,
        spec={
            "scaleTargetRef": {"name": name},
            "pollingInterval": _POLLING_S,
            "minReplicaCount": autoscaling.min_replicas,
            "maxReplicaCount": autoscaling.max_replicas,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(autoscaling)}},
            "triggers": [
                _trigger(prometheus, total(engine, "timbre_engine_requests_waiting"), autoscaling.target_waiting),
                _trigger(prometheus, total(engine, "timbre_engine_requests_running"), engine.spec.slots),
            ],
        },
    )


def total(engine: SpeechEngine, gauge: str) -> str:
    """The PromQL of a gauge's sum over an engine's pods. Their names are the Deployment's with two parts more."""
    pods = f"{names.speech(engine.metadata.name)}-[a-z0-9]+-[a-z0-9]+"
    return f'sum({gauge}{{namespace="{engine.metadata.namespace}",pod=~"{pods}"}})'


def _trigger(prometheus: str, query: str, threshold: int) -> Object:
    metadata = {"serverAddress": prometheus, "query": query, "threshold": str(threshold)}
    return {"type": "prometheus", "metadata": metadata}


def _behavior(autoscaling: Autoscaling) -> Object:
    return {"scaleDown": {"stabilizationWindowSeconds": autoscaling.scale_down_stabilization_seconds}}
