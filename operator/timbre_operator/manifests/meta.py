"""Metadata that all of an engine's objects share."""

from timbre_operator import names
from timbre_operator.kube import Object, Resource
from timbre_operator.resources.speechengine import SpeechEngine


def obj(engine: SpeechEngine, resource: Resource, name: str, **content: object) -> Object:
    """An object that goes with its SpeechEngine.

    Without blockOwnerDeletion, which would want a right to the SpeechEngine's finalizers.
    """
    owner = {
        "apiVersion": engine.api_version,
        "kind": engine.kind,
        "name": engine.metadata.name,
        "uid": engine.metadata.uid,
        "controller": True,
    }
    metadata = {
        "name": name,
        "namespace": engine.metadata.namespace,
        "labels": names.labels(engine.metadata.name),
        "ownerReferences": [owner],
    }
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **content}
