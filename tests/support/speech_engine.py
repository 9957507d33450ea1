"""SpeechEngines for tests, as the API server gives them."""

from typing import Any

from timbre_operator.kube import Object
from timbre_operator.resources import speechengine
from timbre_operator.resources.speechengine import SpeechEngine

UID = "5e1f0000-0000-4000-8000-000000000001"


def live(name: str = "default", namespace: str = "agents", **spec: Any) -> Object:
    """One of the demonstration backend, as JSON; `spec` in the YAML's words."""
    return {
        "apiVersion": "timbre.dev/v1alpha1",
        "kind": "SpeechEngine",
        "metadata": {"name": name, "namespace": namespace, "uid": UID, "generation": 3},
        "spec": {"backend": "espeak", **spec},
    }


def speech_engine(name: str = "default", namespace: str = "agents", **spec: Any) -> SpeechEngine:
    """The same, as its type."""
    return speechengine.parse(live(name, namespace, **spec))
