"""VoiceProfiles, SpeechEngines and pods as the API server has them, and what pods tell, for tests of the operator."""

from typing import Any

from timbre_common import documents
from timbre_common.documents import Voice, VoicesDocument, VoicesStatus, VoiceState, VoiceStatus
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.voices import accepted, document

NAMESPACE = "there"


def profile(name: str, *, age: int = 0, agent: str = "", generation: int = 1, **spec: Any) -> Object:
    """A VoiceProfile; of several the one with the greatest `age` is the oldest."""
    metadata = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": generation}
    metadata["creationTimestamp"] = f"2026-01-01T00:{59 - age:02}:00Z"
    return {
        "apiVersion": "timbre.dev/v1alpha1",
        "kind": "VoiceProfile",
        "metadata": metadata,
        "spec": {"agentID": agent or name, "languages": ["fr"], **spec},
    }


def engine(name: str = "default", **spec: Any) -> Object:
    metadata = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": 1}
    return {
        "apiVersion": "timbre.dev/v1alpha1",
        "kind": "SpeechEngine",
        "metadata": metadata,
        "spec": {"backend": "espeak", **spec},
    }


def pod(name: str, address: str = "127.0.0.1", *, ready: bool = True, engine: str = "default") -> Object:
    metadata = {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "labels": names.labels(engine)}
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {"metadata": metadata, "status": {"phase": "Running", "podIP": address, "conditions": conditions}}


def voices(*profiles: Object, generation: int = 1, engine: str = "default") -> VoicesDocument:
    """The document of these profiles."""
    spoken = document.spoken(accepted.judge(profiles, [engine]), engine)
    return documents.voices_document(spoken, engine, generation)


def told(wanted: VoicesDocument, state: VoiceState = VoiceState.READY, **by_name: VoiceStatus) -> VoicesStatus:
    """What a pod tells that follows the document, but for the voices that are named."""
    found = {voice.name: listed(voice, state, generation=wanted.generation) for voice in wanted.voices}
    return VoicesStatus(generation=wanted.generation, voices=found | by_name)


def listed(voice: Voice, state: VoiceState, code: str = "", reason: str = "", generation: int = 1) -> VoiceStatus:
    """What a pod tells of one voice."""
    return VoiceStatus(digest=voice.digest, generation=generation, state=state, code=code, reason=reason)
