"""Good resources: the API server takes them, and Python reads what it stores as it reads what was written."""

from typing import Any

import pytest

from support.apiserver import ApiServer
from timbre_common import decoding
from timbre_common.voiceprofile import VoiceProfile
from timbre_operator.resources import speechengine

PATH = "/apis/timbre.dev/v1alpha1/namespaces/default"
DIGEST = "sha256:" + "a1" * 32

PROFILES: list[dict[str, Any]] = [
    {},
    {"adapter": {"path": "a/b..c/.d.gguf", "scale": 0}},
    {"adapter": {"http": {"url": "https://a.b:8443/c%20d?e=f&g"}, "digest": DIGEST}},
    {"adapter": {"huggingFace": {"repository": "timbre/voices", "file": "lisa/1.gguf"}, "digest": DIGEST}},
    {"adapter": {"s3": {"bucket": "voices", "key": "l.gguf", "endpoint": "http://minio:9000"}, "digest": DIGEST}},
    {"adapter": {"oci": {"reference": "ghcr.io/timbre/voices/lisa:1.0"}, "digest": DIGEST}},
    {"reference": {"oci": {"reference": f"localhost:5000/lisa@{DIGEST}"}, "digest": DIGEST}, "streamingText": False},
    {"blend": "lisa(0.7)+renarde(0.3)"},
    {"sampling": {"temperature": 0, "topK": 0, "topP": 1, "repetitionPenalty": 1.05}},
    {"prosody": {"speed": 1, "pitch": -3, "styles": {"happy": {"gain": 2}, "so-so": {}}}, "suspend": True},
    {"lexicon": {"H-Link": "aitch link", "x" * 64: "y" * 256}, "display": {"name": "Lisa", "colour": "#27AE60"}},
    {"lexicon": {f"word-{index}": "y" * 256 for index in range(1024)}},
]
CLAIM = {"persistentVolumeClaim": {"claimName": "model", "path": "qwen3-tts/q4"}}
ENGINES: list[dict[str, Any]] = [
    {"backend": "espeak"},
    {"model": CLAIM},
    {"model": {"huggingFace": {"repository": "timbre/qwen3-tts", "revision": "v1"}, "digest": DIGEST}},
    {"model": CLAIM, "adaptersVolume": {"persistentVolumeClaim": {"claimName": "adapters"}}, "replicas": 0},
    {"model": CLAIM, "adaptersVolume": {"emptyDir": {"sizeLimit": "2.5Gi"}}, "autoscaling": {"maxReplicas": 5}},
    {
        "model": CLAIM,
        "sources": {"allowedHosts": ["huggingface.co", "*.hf.co", "registry:5000"], "allowPrivate": True},
        "sourceCredentials": [{"host": "registry:5000", "secretRef": {"name": "registry"}}],
    },
    {
        "backend": "espeak",
        "image": "registry.example.com/timbre-engine:1@" + DIGEST,
        "imagePullPolicy": "Always",
        "imagePullSecrets": [{"name": "registry"}],
        "resources": {"requests": {"cpu": 2, "memory": "4Gi"}, "limits": {"nvidia.com/gpu": 1}},
        "fetcherResources": {"limits": {"memory": "128Mi"}},
        "env": [
            {"name": "A", "value": "b"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}},
            {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "nodeSelector": {"kubernetes.io/arch": "amd64", "empty": ""},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "matchLabelKeys": ["a"]}
        ],
        "priorityClassName": "high",
        "runtimeClassName": "nvidia",
        "podLabels": {"team": "voices"},
        "podAnnotations": {"a": "b c"},
        "serviceAccountAnnotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a"},
    },
]


def stored(api: ApiServer, kind: str, spec: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was written, and what the server would store of it."""
    body = {"apiVersion": "timbre.dev/v1alpha1", "kind": kind, "metadata": {"name": "good"}, "spec": spec}
    return body, api.request("POST", f"{PATH}/{kind.lower()}s?dryRun=All&fieldValidation=Strict", body)


@pytest.mark.parametrize("spec", PROFILES, ids=lambda spec: str(spec)[:60])
def test_a_good_profile(api: ApiServer, spec: dict[str, Any]) -> None:
    written, found = stored(api, "VoiceProfile", {"agentID": "lisa", "languages": ["fr", "pt-BR"], **spec})
    assert decoding.convert(found, VoiceProfile).spec == decoding.convert(written, VoiceProfile).spec


@pytest.mark.parametrize("spec", ENGINES, ids=lambda spec: str(spec)[:60])
def test_a_good_engine(api: ApiServer, spec: dict[str, Any]) -> None:
    written, found = stored(api, "SpeechEngine", spec)
    assert speechengine.parse(found).spec == speechengine.parse(written).spec
