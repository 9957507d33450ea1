"""The pod template: the engine, and the fetcher beside it."""

from typing import Any, Final

import msgspec

from timbre_common.names import ENGINE_PORT, FETCHER_PORT
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.manifests import volumes
from timbre_operator.manifests.environment import engine_environment, fetcher_environment
from timbre_operator.resources.speechengine import SpeechEngine

_USER: Final = 10001
PRE_STOP_S: Final = 5
"""Seconds between leaving the Services and being told to stop: until then requests may still come."""
_RESERVE_S: Final = 10
"""Seconds that stopping may take beside the drain."""

_RESTRICTED: Final[Object] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_FETCHER_RESOURCES: Final[Object] = {
    "requests": {"cpu": "10m", "memory": "64Mi"},
    "limits": {"memory": "256Mi"},
}


def template(engine: SpeechEngine, image: str) -> Object:
    """The pod template. Where pods go, and what is set of them, is the SpeechEngine's word."""
    spec = engine.spec
    metadata: Object = {"labels": {**spec.pod_labels, **names.labels(engine.metadata.name)}}
    annotations = dict(spec.pod_annotations)
    if spec.model is not None and spec.model.digest is not None:
        annotations[names.MODEL_DIGEST] = spec.model.digest
    if annotations:
        metadata["annotations"] = annotations
    pod: Object = {
        "serviceAccountName": names.speech(engine.metadata.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": PRE_STOP_S + spec.termination_drain_seconds + _RESERVE_S,
        "initContainers": [*_model(engine, image), _fetcher(engine, image)],
        "containers": [_engine(engine, image)],
        "volumes": volumes.volumes(engine),
    }
    overrides = {
        "nodeSelector": spec.node_selector,
        "tolerations": spec.tolerations,
        "affinity": spec.affinity,
        "topologySpreadConstraints": spec.topology_spread_constraints,
        "priorityClassName": spec.priority_class_name,
        "runtimeClassName": spec.runtime_class_name,
        "imagePullSecrets": msgspec.to_builtins(spec.image_pull_secrets),
    }
    return {"metadata": metadata, "spec": pod | {key: value for key, value in overrides.items() if value}}


def _engine(engine: SpeechEngine, image: str) -> Object:
    """A load may take as long as it takes, for /livez answers meanwhile; a busy engine answers it too."""
    return _container(
        engine,
        image,
        names.ENGINE,
        args=["serve"],
        env=_with_own(engine, engine_environment(engine)),
        ports=[{"name": names.SPEECH, "containerPort": ENGINE_PORT, "protocol": "TCP"}],
        resources=msgspec.to_builtins(engine.spec.resources),
        volumeMounts=volumes.engine_mounts(engine),
        lifecycle={"preStop": {"sleep": {"seconds": PRE_STOP_S}}},
        startupProbe=_probe("/livez", names.SPEECH, period=2, failures=90),
        livenessProbe=_probe("/livez", names.SPEECH, period=10, failures=6),
        readinessProbe=_probe("/health", names.SPEECH, period=2, failures=3),
    )


def _fetcher(engine: SpeechEngine, image: str) -> Object:
    """A native sidecar: starts before the engine, ends after it. The pod is ready when every voice was tried."""
    return _container(
        engine,
        image,
        names.FETCHER,
        args=["fetcher"],
        restartPolicy="Always",
        env=fetcher_environment(engine),
        ports=[{"name": names.ADMIN, "containerPort": FETCHER_PORT, "protocol": "TCP"}],
        resources=msgspec.to_builtins(engine.spec.fetcher_resources) or _FETCHER_RESOURCES,
        volumeMounts=volumes.fetcher_mounts(engine),
        livenessProbe=_probe("/livez", names.ADMIN, period=10, failures=6),
        readinessProbe=_probe("/ready", names.ADMIN, period=2, failures=3),
    )


def _model(engine: SpeechEngine, image: str) -> list[Object]:
    """What brings the model before anything starts, where it comes from the Hub."""
    source = engine.spec.model.hugging_face if engine.spec.model else None
    if source is None:
        return []
    return [
        _container(
            engine,
            image,
            names.MODEL,
            args=["pull", f"{source.repository}@{source.revision}", names.MODELS_PATH],
            env=_with_own(engine, [{"name": "HOME", "value": "/tmp"}]),  # noqa: S108 -- an emptyDir of the pod
            resources=msgspec.to_builtins(engine.spec.fetcher_resources) or _FETCHER_RESOURCES,
            volumeMounts=volumes.model_mounts(),
        )
    ]


def _container(engine: SpeechEngine, image: str, name: str, **content: Any) -> Object:
    made = {"name": name, "image": image, "securityContext": _RESTRICTED, **content}
    if engine.spec.image_pull_policy:
        made["imagePullPolicy"] = engine.spec.image_pull_policy.value
    return {key: value for key, value in made.items() if value not in ({}, [], None)}


def _probe(path: str, port: str, *, period: int, failures: int) -> Object:
    """An HTTP probe. Its time-out is long, for a busy machine answers late."""
    return {
        "httpGet": {"path": path, "port": port},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _with_own(engine: SpeechEngine, ours: list[Object]) -> list[Object]:
    """Variables by name; the SpeechEngine's own `env` wins."""
    own: list[Object] = msgspec.to_builtins(engine.spec.env)
    return list({variable["name"]: variable for variable in [*ours, *own]}.values())
