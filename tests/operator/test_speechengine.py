"""SpeechEngines as Python reads them. What the API server says of the same specs is in tests/api."""

from typing import Any

import pytest
import yaml

from timbre_common.errors import InvalidInput
from timbre_operator.resources import speechengine
from timbre_operator.resources.speechengine import Backend

MODEL = {"persistentVolumeClaim": {"claimName": "model"}}


def engine(**spec: Any) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "timbre.dev/v1alpha1",
            "kind": "SpeechEngine",
            "metadata": {"name": "default"},
            "spec": spec,
        }
    )


def test_a_short_spec_has_the_documented_defaults() -> None:
    spec = speechengine.parse_yaml(engine(model=MODEL)).spec
    assert (spec.backend, spec.replicas, spec.autoscaling) == (Backend.QWEN3TTS, None, None)
    assert (spec.slots, spec.queue, spec.max_loaded_adapters, spec.gpu_layers) == (4, 16, 8, 0)
    assert (spec.sources.allowed_hosts, spec.sources.allow_private) == ([], False)
    assert (spec.sources.max_bytes, spec.sources.timeout_seconds) == (64 * 1024 * 1024, 300)
    assert (spec.admin_token_rotation_days, spec.termination_drain_seconds) == (30, 30)


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        ({}, "spec", "needs a model"),
        ({"backend": "espeak", "model": MODEL}, "spec", "takes no model"),
        ({"backend": "festival"}, "spec.backend", "festival"),
        ({"model": {}}, "spec.model", "exactly one of persistentVolumeClaim, huggingFace"),
        ({"model": {**MODEL, "huggingFace": {"repository": "a/b"}}}, "spec.model", "exactly one of"),
        (
            {"model": {"persistentVolumeClaim": {"claimName": "m", "path": "../x"}}},
            "spec.model.persistentVolumeClaim.path",
            "regex",
        ),
        ({"backend": "espeak", "replicas": 2, "autoscaling": {"maxReplicas": 3}}, "spec", "not both"),
        (
            {"backend": "espeak", "autoscaling": {"minReplicas": 4, "maxReplicas": 3}},
            "spec.autoscaling",
            "at most maxReplicas",
        ),
        ({"backend": "espeak", "replicas": 51}, "spec.replicas", "<= 50"),
        (
            {"backend": "espeak", "adaptersVolume": {"emptyDir": {}, "persistentVolumeClaim": {"claimName": "a"}}},
            "spec.adaptersVolume",
            "one of",
        ),
        (
            {"backend": "espeak", "env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "b"}}}]},
            "spec.env[0]",
            "not both",
        ),
        ({"backend": "espeak", "env": [{"name": "A", "valueFrom": {}}]}, "spec.env[0].valueFrom", "exactly one of"),
        ({"backend": "espeak", "speed": 3}, "spec", "speed"),
    ],
    ids=str,
)
def test_a_wrong_spec_is_refused_at_its_field(spec: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as raised:
        speechengine.parse_yaml(engine(**spec))
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("before", "after", "field"), [("v1alpha1", "v1", "apiVersion"), ("SpeechEngine", "Pod", "kind")]
)
def test_another_kind_is_refused(before: str, after: str, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        speechengine.parse_yaml(engine(backend="espeak").replace(before, after))
    assert raised.value.field == field
