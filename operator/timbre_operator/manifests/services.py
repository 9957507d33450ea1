"""What an engine's pods run as, and how they are found."""

from timbre_common.names import ENGINE_PORT
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.kube.resource import SERVICE_ACCOUNTS, SERVICES
from timbre_operator.manifests import meta
from timbre_operator.resources.speechengine import SpeechEngine


def service_account(engine: SpeechEngine) -> Object:
    """An account without a token: the pods have no business with the API."""
    made = meta.obj(engine, SERVICE_ACCOUNTS, names.speech(engine.metadata.name), automountServiceAccountToken=False)
    if engine.spec.service_account_annotations:
        made["metadata"]["annotations"] = engine.spec.service_account_annotations
    return made


def service(engine: SpeechEngine) -> Object:
    """One address for all pods; only speech, never the administration."""
    return _service(engine, names.speech(engine.metadata.name), {"type": "ClusterIP"})


def pods_service(engine: SpeechEngine) -> Object:
    """A name that resolves to the pods that are ready, so that a client can choose one."""
    return _service(engine, names.pods_service(engine.metadata.name), {"type": "ClusterIP", "clusterIP": "None"})


def _service(engine: SpeechEngine, name: str, spec: Object) -> Object:
    port = {"name": names.SPEECH, "port": ENGINE_PORT, "targetPort": names.SPEECH, "protocol": "TCP"}
    return meta.obj(
        engine, SERVICES, name, spec={**spec, "selector": names.selector(engine.metadata.name), "ports": [port]}
    )
