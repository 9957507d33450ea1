"""What a pod's own object says of it: pure."""

from timbre_operator import names
from timbre_operator.kube import Object


def is_ready(pod: Object) -> bool:
    """Whether it serves, as the kubelet has it."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def has_other_model(pod: Object, engine: Object) -> bool:
    """Whether it was made for another model than the one whose digest its SpeechEngine names."""
    wanted = engine.get("spec", {}).get("model", {}).get("digest")
    return wanted is not None and pod["metadata"].get("annotations", {}).get(names.MODEL_DIGEST) != wanted
