"""The operator before a real API server: what it makes, keeps, and leaves alone."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest

from support import accounts
from support.apiserver import MERGE, ApiServer
from support.namespace import Namespace, until
from support.operator_process import ENGINES, OperatorProcess, changes, lines, requests, tokens

LEADS = r"leads$"


@pytest.fixture
async def operator(api: ApiServer, here: Namespace) -> AsyncIterator[OperatorProcess]:
    """One that looks after the test's namespace and leads, with the rights that it needs and no others."""
    kubeconfig = accounts.operator(api, here.name, [here.name])
    async with OperatorProcess(kubeconfig, here.name, "--namespace", here.name, ready=LEADS) as it:
        yield it


@pytest.mark.usefixtures("operator")
async def test_a_speech_engine_becomes_its_objects_and_a_second_pass_writes_nothing(here: Namespace) -> None:
    here.apply(replicas=2)
    await until(lambda: here.conditions()["Ready"] == ("False", "PodsNotReady"))
    deployment = here.get("deployments")
    assert deployment["spec"]["replicas"] == 2
    engine = here.get("speechengines", "default")
    for kind in ("serviceaccounts", "services", "deployments", "poddisruptionbudgets"):
        found = here.get(kind)["metadata"]
        assert [each["uid"] for each in found["ownerReferences"]] == [engine["metadata"]["uid"]]
        assert found["labels"]["timbre.dev/engine"] == "default"
    for kind, name in (("speechengines", "default"), ("deployments", "default-speech")):
        metadata = here.get(kind, name)["metadata"]
        assert "finalizers" not in metadata
        assert not any("kopf" in key or "zalando" in key for key in metadata.get("annotations", {}))
    assert here.get("services", "default-speech-pods")["spec"]["clusterIP"] == "None"
    assert len(tokens(here.get("secrets", "default-speech-admin"))) == 1
    scale = here.api.request("GET", here.path("speechengines", "default") + "/scale")
    assert scale["spec"]["replicas"] == 2
    assert scale["status"]["selector"] == "app.kubernetes.io/name=timbre-engine,timbre.dev/engine=default"

    since = lines(here.api)
    here.patch("speechengines", {"metadata": {"labels": {"touched": "yes"}}}, "default")
    await until(lambda: here.passes(since) >= 1)
    here.patch("speechengines", {"metadata": {"labels": {"touched": "again"}}}, "default")
    await until(lambda: here.passes(since) >= 2)
    assert not changes(requests(here.api, since=since))


@pytest.mark.usefixtures("operator")
async def test_drift_is_repaired_and_what_is_not_the_operators_stays(here: Namespace) -> None:
    here.apply(replicas=2, resources={"requests": {"cpu": "1000m", "memory": "0.5Gi"}})
    await until(lambda: here.get("poddisruptionbudgets"))
    container = {"name": "engine", "image": "evil:1", "args": ["serve", "--pace", "rtf=9"]}
    body = {"spec": {"replicas": 9, "template": {"spec": {"containers": [container]}}}}
    strategic = "application/strategic-merge-patch+json"
    here.api.request("PATCH", here.path("deployments"), body, content=strategic)
    annotated = {
        "metadata": {"annotations": {"mine": "1"}},
        "spec": {"template": {"metadata": {"annotations": {"restarted": "x"}}}},
    }
    here.patch("deployments", annotated)

    def repaired() -> bool:
        spec = here.get("deployments")["spec"]
        made = spec["template"]["spec"]["containers"][0]
        return (spec["replicas"], made["image"], made["args"]) == (2, "localhost/timbre-engine:dev", ["serve"])

    await until(repaired)
    assert here.get("deployments")["metadata"]["annotations"]["mine"] == "1"
    assert here.get("deployments")["spec"]["template"]["metadata"]["annotations"] == {"restarted": "x"}

    before = tokens(here.get("secrets", "default-speech-admin"))
    here.delete("secrets", "default-speech-admin")  # which is seen at the next look, and that is caused by what follows
    for kind in ("services", "deployments"):
        here.delete(kind)
        await until(lambda kind=kind: here.there(kind))  # type: ignore[misc]
    await until(lambda: here.there("secrets", "default-speech-admin"))
    assert tokens(here.get("secrets", "default-speech-admin")) != before
    here.patch("services", {"spec": {"selector": {"app.kubernetes.io/name": "evil"}}})
    await until(lambda: here.get("services")["spec"]["selector"]["app.kubernetes.io/name"] == "timbre-engine")


@pytest.mark.usefixtures("operator")
async def test_scaling_passes_to_an_autoscaler_and_back_without_a_jump(here: Namespace) -> None:
    here.apply(replicas=4)
    await until(lambda: here.get("poddisruptionbudgets"))
    seen: set[int] = set()

    def watched(condition: Callable[[], bool]) -> bool:
        seen.add(here.get("deployments")["spec"]["replicas"])
        return condition()

    since = lines(here.api)
    await until(lambda: here.api.request("PUT", f"{ENGINES.format(here.name)}/default", _autoscaled(here)))
    await until(lambda: watched(lambda: here.there("horizontalpodautoscalers")))
    await until(lambda: here.passes(since) >= 2)
    here.api.request("PATCH", here.path("deployments") + "/scale", {"spec": {"replicas": 6}}, content=MERGE)
    since = lines(here.api)
    here.patch("speechengines", {"metadata": {"labels": {"touched": "yes"}}}, "default")
    await until(lambda: here.passes(since) >= 1)
    assert watched(lambda: True) and seen == {4, 6}, "an autoscaler's number is left alone"

    here.patch("speechengines", {"spec": {"autoscaling": None, "replicas": 3}}, "default")
    await until(lambda: here.get("deployments")["spec"]["replicas"] == 3)
    await until(lambda: not here.there("horizontalpodautoscalers"))
    here.patch("speechengines", {"spec": {"replicas": 1}}, "default")
    await until(lambda: not here.there("poddisruptionbudgets"))


def _autoscaled(here: Namespace) -> Any:
    engine = here.get("speechengines", "default")
    del engine["spec"]["replicas"], engine["metadata"]["managedFields"]
    return {**engine, "spec": {**engine["spec"], "autoscaling": {"minReplicas": 2, "maxReplicas": 8}}}


@pytest.mark.usefixtures("operator")
async def test_a_name_that_is_taken_is_left_alone_said_and_heals(here: Namespace) -> None:
    service = {"metadata": {"name": "default-speech"}, "spec": {"ports": [{"port": 1}], "selector": {"a": "b"}}}
    here.api.request("POST", f"/api/v1/namespaces/{here.name}/services", service)
    here.apply()
    await until(lambda: here.conditions()["Degraded"] == ("True", "NameConflict"))
    assert here.get("services")["spec"]["selector"] == {"a": "b"}
    assert here.there("deployments") and here.there("services", "default-speech-pods")
    path = f"/api/v1/namespaces/{here.name}/events"
    events = here.api.request("GET", path)["items"]
    assert [each["reason"] for each in events if each["reason"] == "NameConflict"] == ["NameConflict"]
    here.delete("services")
    here.patch("speechengines", {"metadata": {"labels": {"touched": "yes"}}}, "default")
    await until(lambda: here.conditions()["Degraded"][1] != "NameConflict")
    await until(lambda: "timbre.dev/engine" in here.get("services")["spec"]["selector"])


@pytest.mark.usefixtures("operator")
async def test_a_pod_override_that_the_server_refuses_is_said_and_heals(here: Namespace) -> None:
    here.apply(affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}})
    await until(lambda: here.conditions()["Degraded"] == ("True", "Refused"))
    assert here.there("services") and not here.there("deployments")
    here.patch("speechengines", {"spec": {"affinity": None}}, "default")
    await until(lambda: here.there("deployments"))
    await until(lambda: here.conditions()["Degraded"][1] != "Refused")


@pytest.mark.usefixtures("operator")
async def test_the_status_follows_the_deployment_and_its_pods(here: Namespace) -> None:
    here.apply()
    await until(lambda: here.there("deployments"))
    here.patch("deployments", {"status": {"replicas": 1, "readyReplicas": 1, "observedGeneration": 1}}, sub="/status")
    fine = {"Ready": ("True", "Available"), "Degraded": ("False", "AsWanted")}
    await until(lambda: here.conditions().items() >= fine.items())
    template = here.get("deployments")["spec"]["template"]
    pod = {"metadata": {"name": "p", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    here.api.request("POST", f"/api/v1/namespaces/{here.name}/pods", pod)
    waiting = {"name": "engine", "image": "x", "imageID": "", "ready": False, "restartCount": 0}
    waiting["state"] = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    here.patch("pods", {"status": {"containerStatuses": [waiting]}}, "p", "/status")
    await until(lambda: here.conditions()["Degraded"] == ("True", "ImageUnavailable"))
    here.api.request("DELETE", here.path("pods", "p"), {"gracePeriodSeconds": 0})
    await until(lambda: here.conditions()["Degraded"] == ("False", "AsWanted"))


@pytest.mark.usefixtures("operator")
async def test_a_missing_claim_is_said_and_heals(here: Namespace) -> None:
    here.apply(adaptersVolume={"persistentVolumeClaim": {"claimName": "shared"}})
    await until(lambda: here.conditions()["Degraded"] == ("True", "VolumeUnusable"))
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"metadata": {"name": "shared"}, "spec": spec}
    here.api.request("POST", f"/api/v1/namespaces/{here.name}/persistentvolumeclaims", claim)
    here.patch("speechengines", {"metadata": {"labels": {"touched": "yes"}}}, "default")
    await until(lambda: here.conditions()["Degraded"][1] != "VolumeUnusable")


async def test_what_is_missing_of_rights_is_said_and_waited_for(api: ApiServer, here: Namespace) -> None:
    kubeconfig = accounts.operator(api, here.name, ["default"])
    async with OperatorProcess(kubeconfig, here.name, "--namespace", here.name) as operator:
        said = f"may not get, create, patch secrets in namespace {here.name}"
        await until(lambda: any(said in line for line in operator.log))
        assert not operator.leads()
        accounts.serve(api, here.name, [here.name])
        here.apply()
        await until(operator.leads)
        await until(lambda: here.there("deployments"))


async def test_an_operator_of_the_whole_cluster_serves_every_namespace(api: ApiServer, here: Namespace) -> None:
    there = Namespace(api, f"{here.name}-2")
    kubeconfig = accounts.operator(api, here.name, [])
    async with OperatorProcess(kubeconfig, here.name, ready=LEADS):
        here.apply()
        there.apply()
        for namespace in (here, there):
            await until(lambda namespace=namespace: namespace.conditions()["Ready"][1] == "PodsNotReady")  # type: ignore[misc]
        there.delete("services")
        await until(lambda: there.there("services"))


async def test_where_keda_is_it_scales_and_nothing_else(api: ApiServer, here: Namespace, keda: None) -> None:
    here.apply(autoscaling={"maxReplicas": 4})
    operator = partial(OperatorProcess, accounts.operator(api, here.name, [here.name]), here.name, ready=LEADS)
    async with operator("--namespace", here.name):
        await until(lambda: here.there("horizontalpodautoscalers"))
    async with operator("--namespace", here.name, "--prometheus", "http://prometheus:9090"):
        await until(lambda: here.there("scaledobjects"))
        assert not here.there("horizontalpodautoscalers"), "it went first"
        here.patch("scaledobjects", {"spec": {"maxReplicaCount": 99}})
        await until(lambda: here.get("scaledobjects")["spec"]["maxReplicaCount"] == 4)
        here.delete("scaledobjects")
        await until(lambda: here.there("scaledobjects"))
        here.apply(replicas=1)
        await until(lambda: not here.there("scaledobjects"))


@pytest.fixture
def keda(api: ApiServer) -> Iterator[None]:
    """KEDA's resource, without its controller."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "scaledobjects.keda.sh"},
        "spec": {
            "group": "keda.sh",
            "scope": "Namespaced",
            "names": {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"},
            "versions": [version],
        },
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    api.request("POST", path, crd)
    api.wait("/apis/keda.sh/v1alpha1/scaledobjects")
    yield
    api.request("DELETE", f"{path}/scaledobjects.keda.sh")
