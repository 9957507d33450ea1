"""Bad resources: the API server names the field and says what is right, and Python's parser refuses the same."""

from typing import Any

import pytest
import yaml

from support.apiserver import ApiServer, Refused
from timbre_common import voiceprofile
from timbre_common.errors import InvalidInput
from timbre_operator.resources import speechengine

PATH = "/apis/timbre.dev/v1alpha1/namespaces/default"
DIGEST = "sha256:" + "0" * 64
PROFILE: dict[str, Any] = {"agentID": "lisa", "languages": ["fr"]}
ENGINE: dict[str, Any] = {"backend": "espeak"}
CLAIM = {"persistentVolumeClaim": {"claimName": "model"}}

PROFILES = [
    ({"agentID": "Lisa"}, "spec.agentID", "should match"),
    ({"agentID": None}, "spec.agentID", "Required value"),
    ({"agentID": "a" * 64}, "spec.agentID", "should match"),
    ({"languages": []}, "spec.languages", "should have at least 1 items"),
    ({"languages": ["fr"] * 33}, "spec.languages", "must have at most 32 items"),
    ({"languages": ["french!"]}, "spec.languages[0]", "should match"),
    ({"engineRef": {"name": "a" * 41}}, "spec.engineRef.name", "should match"),
    ({"engineRef": "default"}, "spec.engineRef", "must be of type object"),
    ({"speaker": ""}, "spec.speaker", "at least 1 chars long"),
    ({"adapter": {}}, "spec.adapter", "exactly one of path, http, huggingFace, s3, oci is right"),
    ({"adapter": {"path": "a", "oci": {"reference": "r.io/a:1"}, "digest": DIGEST}}, "spec.adapter", "exactly one of"),
    (
        {"adapter": {"http": {"url": "https://a.b/c"}}},
        "spec.adapter.digest",
        "digest is needed where the file is fetched",
    ),
    ({"adapter": {"http": {"url": "http://a.b/c"}, "digest": DIGEST}}, "spec.adapter.http.url", "should match"),
    ({"adapter": {"http": {"url": "https://u:p@a.b/c"}, "digest": DIGEST}}, "spec.adapter.http.url", "should match"),
    ({"adapter": {"http": {}, "digest": DIGEST}}, "spec.adapter.http.url", "Required value"),
    ({"adapter": {"path": "/etc/passwd"}}, "spec.adapter.path", "should match"),
    ({"adapter": {"path": "a/../../b"}}, "spec.adapter.path", "should match"),
    ({"adapter": {"path": ".."}}, "spec.adapter.path", "should match"),
    ({"adapter": {"path": "a" * 513}}, "spec.adapter.path", "may not be more than 512"),
    ({"adapter": {"path": "a", "digest": "sha256:short"}}, "spec.adapter.digest", "should match"),
    ({"adapter": {"path": "a", "scale": 5}}, "spec.adapter.scale", "less than or equal to 4"),
    ({"reference": {"path": "a", "http": {"url": "https://a.b/c"}}}, "spec.reference", "exactly one of"),
    ({"reference": {"path": "a"}, "speaker": "Serena"}, "spec.speaker", "a reference takes the speaker's place"),
    ({"blend": "lisa+renarde"}, "spec.blend", "should match"),
    ({"blend": "lisa(1)", "adapter": {"path": "a"}}, "spec.adapter", "a blend has the adapters of its voices"),
    ({"blend": "lisa(1)", "reference": {"path": "a"}}, "spec.reference", "a blend has the references of its voices"),
    ({"blend": "lisa(1)", "speaker": "Serena"}, "spec.speaker", "a blend has the speakers of its voices"),
    ({"streamingText": "no"}, "spec.streamingText", "must be of type boolean"),
    ({"sampling": {"topP": 0}}, "spec.sampling.topP", "greater than 0"),
    ({"sampling": {"topK": 4000}}, "spec.sampling.topK", "less than or equal to 3072"),
    ({"prosody": {"speed": 9}}, "spec.prosody.speed", "less than or equal to 2"),
    ({"prosody": {"styles": {"happy": {"gain": 99}}}}, "spec.prosody.styles.happy.gain", "less than or equal to 12"),
    ({"prosody": {"styles": {"x" * 65: {}}}}, "spec.prosody.styles", "emotions of 1 to 64 characters"),
    ({"lexicon": {"": "a"}}, "spec.lexicon", "words of 1 to 64 characters"),
    ({"lexicon": {"a": ""}}, "spec.lexicon.a", "at least 1 chars long"),
    ({"display": {"colour": "red"}}, "spec.display.colour", "should match"),
    ({"suspend": "yes"}, "spec.suspend", "must be of type boolean"),
]

ENGINES = [
    ({"backend": "festival"}, "spec.backend", 'supported values: "qwen3tts", "espeak"'),
    ({"backend": "qwen3tts"}, "spec.model", "the backend qwen3tts needs a model"),
    ({"model": CLAIM}, "spec.model", "the backend espeak takes no model"),
    ({"backend": "qwen3tts", "model": {}}, "spec.model", "exactly one of persistentVolumeClaim, huggingFace"),
    (
        {"backend": "qwen3tts", "model": {"persistentVolumeClaim": {}}},
        "spec.model.persistentVolumeClaim.claimName",
        "Required",
    ),
    (
        {"backend": "qwen3tts", "model": {"persistentVolumeClaim": {"claimName": "a", "path": "../b"}}},
        "spec.model.persistentVolumeClaim.path",
        "should match",
    ),
    (
        {"adaptersVolume": {"emptyDir": {}, "persistentVolumeClaim": {"claimName": "a"}}},
        "spec.adaptersVolume",
        "at most one of emptyDir, persistentVolumeClaim",
    ),
    ({"adaptersVolume": {"emptyDir": {"sizeLimit": "much"}}}, "spec.adaptersVolume.emptyDir.sizeLimit", "should match"),
    ({"sources": {"allowedHosts": ["https://a.b"]}}, "spec.sources.allowedHosts[0]", "should match"),
    ({"sources": {"maxBytes": 1 << 31}}, "spec.sources.maxBytes", "less than or equal to 1073741824"),
    ({"sourceCredentials": [{"host": "a.b"}]}, "spec.sourceCredentials[0].secretRef", "Required"),
    (
        {"sourceCredentials": [{"host": "a.b", "secretRef": {"name": "A"}}]},
        "spec.sourceCredentials[0].secretRef.name",
        "match",
    ),
    ({"replicas": 2, "autoscaling": {"maxReplicas": 3}}, "spec.replicas", "replicas or autoscaling is right, not both"),
    ({"replicas": 51}, "spec.replicas", "less than or equal to 50"),
    ({"autoscaling": {}}, "spec.autoscaling.maxReplicas", "Required"),
    (
        {"autoscaling": {"minReplicas": 4, "maxReplicas": 3}},
        "spec.autoscaling.minReplicas",
        "minReplicas of at most maxReplicas",
    ),
    ({"slots": 0}, "spec.slots", "greater than or equal to 1"),
    ({"slots": "four"}, "spec.slots", "must be of type integer"),
    ({"image": "a b"}, "spec.image", "should match"),
    ({"imagePullPolicy": "Sometimes"}, "spec.imagePullPolicy", 'supported values: "Always", "IfNotPresent", "Never"'),
    ({"resources": {"limits": {"cpu": "lots"}}}, "spec.resources.limits.cpu", "should match"),
    ({"resources": {"limits": {"cpu": 0.5}}}, "spec.resources.limits.cpu", "must be of type integer,string"),
    ({"env": [{"name": "1A"}]}, "spec.env[0].name", "should match"),
    (
        {"env": [{"name": "A", "value": "b", "valueFrom": {"fieldRef": {"fieldPath": "c"}}}]},
        "spec.env[0].value",
        "not both",
    ),
    (
        {"env": [{"name": "A", "valueFrom": {}}]},
        "spec.env[0].valueFrom",
        "exactly one of secretKeyRef, configMapKeyRef",
    ),
    ({"nodeSelector": {"a": "b c"}}, "spec.nodeSelector.a", "should match"),
    ({"priorityClassName": "High"}, "spec.priorityClassName", "should match"),
    ({"terminationDrainSeconds": -1}, "spec.terminationDrainSeconds", "greater than or equal to 0"),
]


def causes(api: ApiServer, plural: str, body: dict[str, Any]) -> list[tuple[str, str]]:
    """Fields that the server names, and what it says of each."""
    with pytest.raises(Refused) as refused:
        api.request("POST", f"{PATH}/{plural}?dryRun=All&fieldValidation=Strict", body)
    details = refused.value.answer["details"]
    return [(cause["field"], cause["message"]) for cause in details["causes"]]


def body(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    present = {key: value for key, value in spec.items() if value is not None}
    return {"apiVersion": "timbre.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": present}


@pytest.mark.parametrize(("spec", "field", "message"), PROFILES, ids=lambda value: str(value)[:60])
def test_a_wrong_profile(api: ApiServer, spec: dict[str, Any], field: str, message: str) -> None:
    wrong = body("VoiceProfile", "wrong", {**PROFILE, **spec})
    found = causes(api, "voiceprofiles", wrong)
    assert any(named == field and message in said for named, said in found), found
    with pytest.raises(InvalidInput):
        voiceprofile.parse(yaml.safe_dump(wrong))


@pytest.mark.parametrize(("spec", "field", "message"), ENGINES, ids=lambda value: str(value)[:60])
def test_a_wrong_engine(api: ApiServer, spec: dict[str, Any], field: str, message: str) -> None:
    wrong = body("SpeechEngine", "wrong", {**ENGINE, **spec})
    found = causes(api, "speechengines", wrong)
    assert any(named == field and message in said for named, said in found), found
    with pytest.raises(InvalidInput):
        speechengine.parse(wrong)


@pytest.mark.parametrize("name", ["a" * 41, "1engine", "en.gine"])
def test_a_name_that_services_cannot_be_named_after(api: ApiServer, name: str) -> None:
    wrong = body("SpeechEngine", name, ENGINE)
    assert any("a name of 1 to 40 lower-case letters" in said for _, said in causes(api, "speechengines", wrong))
    with pytest.raises(InvalidInput) as raised:
        speechengine.parse(wrong)
    assert raised.value.field == "metadata.name"


@pytest.mark.parametrize(
    "spec", [{"tolerations": [{"operator": "Is"}]}, {"topologySpreadConstraints": [{"maxSkew": 1}]}]
)
def test_what_is_passed_on_to_pods_is_looked_at_too(api: ApiServer, spec: dict[str, Any]) -> None:
    assert causes(api, "speechengines", body("SpeechEngine", "wrong", {**ENGINE, **spec}))
