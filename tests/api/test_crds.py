"""What the API server makes of the CRDs: it takes good resources, fills in defaults, and scales and selects."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.apiserver import APPLY, MERGE, ApiServer, Refused
from timbre_common import voiceprofile
from timbre_operator.resources import speechengine

PATH = "/apis/timbre.dev/v1alpha1/namespaces/default"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ROOT = Path(__file__).parents[2]


def resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "timbre.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def apply(api: ApiServer, kind: str, name: str, spec: dict[str, Any], manager: str = "user") -> Any:
    path = f"{PATH}/{kind.lower()}s/{name}?fieldManager={manager}&force=true"
    return api.request("PATCH", path, resource(kind, name, spec), content=APPLY)


@pytest.mark.parametrize("plural", ["voiceprofiles", "speechengines"])
def test_the_schemas_are_structural_and_served(api: ApiServer, plural: str) -> None:
    crd = api.request("GET", f"{CRDS}/{plural}.timbre.dev")
    conditions = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_applying_the_crds_again_changes_nothing(api: ApiServer) -> None:
    def versions() -> list[str]:
        return [each["metadata"]["resourceVersion"] for each in api.request("GET", CRDS)["items"]]

    before = versions()
    api.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    assert versions() == before


def test_defaults_are_those_that_python_has(api: ApiServer) -> None:
    stored = apply(api, "SpeechEngine", "defaults", {"backend": "espeak"})
    assert "replicas" not in stored["spec"] and "autoscaling" not in stored["spec"]
    written = {"backend": "espeak"}
    assert speechengine.parse(stored).spec == speechengine.parse(resource("SpeechEngine", "x", written)).spec
    stored = apply(
        api, "VoiceProfile", "defaults", {"agentID": "defaults", "languages": ["fr"], "adapter": {"path": "a"}}
    )
    assert stored["spec"]["engineRef"] == {"name": "default"} and stored["spec"]["adapter"]["scale"] == 1
    assert stored["spec"]["display"] == {"colour": "#888888"}
    short = {"agentID": "defaults", "languages": ["fr"], "adapter": {"path": "a"}}
    as_stored = voiceprofile.parse(yaml.safe_dump(stored))
    assert as_stored.spec == voiceprofile.parse(yaml.safe_dump(resource("VoiceProfile", "x", short))).spec


def test_replicas_that_nobody_applies_any_more_are_gone_and_not_one(api: ApiServer) -> None:
    apply(api, "SpeechEngine", "dropped", {"backend": "espeak", "replicas": 3})
    assert "replicas" not in apply(api, "SpeechEngine", "dropped", {"backend": "espeak"})["spec"]


def test_an_engine_is_scaled_as_a_deployment_is(api: ApiServer) -> None:
    apply(api, "SpeechEngine", "scaled", {"backend": "espeak"})
    api.kubectl("scale", "spe", "scaled", "--replicas=2")
    status = {"status": {"replicas": 1, "selector": "timbre.dev/engine=scaled"}}
    api.request("PATCH", f"{PATH}/speechengines/scaled/status", status, content=MERGE)
    scale = api.request("GET", f"{PATH}/speechengines/scaled/scale")
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 1, "selector": "timbre.dev/engine=scaled"}


def test_an_engine_that_scales_itself_is_not_scaled_by_hand(api: ApiServer) -> None:
    apply(api, "SpeechEngine", "auto", {"backend": "espeak", "autoscaling": {"maxReplicas": 3}})
    with pytest.raises(AssertionError, match=r"spec\.replicas.*replicas or autoscaling is right"):
        api.kubectl("scale", "spe", "auto", "--replicas=2")


def test_profiles_are_selected_by_agent_and_by_engine(api: ApiServer) -> None:
    apply(api, "VoiceProfile", "one", {"agentID": "selected", "languages": ["fr"]})
    apply(api, "VoiceProfile", "two", {"agentID": "other", "languages": ["fr"], "engineRef": {"name": "selected"}})
    for selector, name in (("spec.agentID=selected", "one"), ("spec.engineRef.name=selected", "two")):
        assert api.kubectl("get", "vp", "--field-selector", selector, "-o", "name").split() == [
            f"voiceprofile.timbre.dev/{name}"
        ]


def test_status_is_written_apart_from_the_spec(api: ApiServer) -> None:
    apply(api, "VoiceProfile", "told", {"agentID": "told", "languages": ["fr"]})
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Loaded",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"observedGeneration": 1, "loaded": "1/1", "conditions": [ready]}
    path = f"{PATH}/voiceprofiles/told"
    body = {**resource("VoiceProfile", "told", {}), "status": status}
    del body["spec"]
    told = api.request("PATCH", f"{path}/status?fieldManager=timbre-operator", body, content=APPLY)
    assert told["metadata"]["generation"] == 1 and told["status"] == status
    ignored = api.request("PATCH", path, {"status": {"loaded": "9/9"}}, content=MERGE)
    assert ignored["status"] == status
    api.kubectl("wait", "--for=condition=Ready", "--timeout=30s", "vp/told")
    head, row = api.kubectl("get", "vp", "told").splitlines()
    assert head.split() == ["NAME", "AGENT", "ENGINE", "READY", "LOADED", "REASON", "AGE"]
    assert row.split()[:-1] == ["told", "told", "default", "True", "1/1", "Loaded"]


def test_engines_are_listed_with_what_matters(api: ApiServer) -> None:
    apply(api, "SpeechEngine", "listed", {"backend": "espeak"})
    assert "speechengine.timbre.dev/listed" in api.kubectl("get", "timbre", "-o", "name").split()
    assert re.search(r"NAME +BACKEND +READY +REPLICAS +VOICES +AGE", api.kubectl("get", "spe"))


def test_kubectl_explains_every_field(api: ApiServer) -> None:
    assert "SHA-256" in api.kubectl("explain", "vp.spec.adapter.digest")
    assert "KEDA" in api.kubectl("explain", "spe.spec.autoscaling")


def test_a_field_that_nobody_knows_is_named(api: ApiServer) -> None:
    body = resource("VoiceProfile", "unknown", {"agentID": "unknown", "languages": ["fr"], "prosody": {"sped": 1}})
    with pytest.raises(Refused, match=r'unknown field "spec\.prosody\.sped"'):
        api.request("POST", f"{PATH}/voiceprofiles?fieldValidation=Strict&dryRun=All", body)
