"""Releases come, change and go on a real API server, with Helm 3 and Helm 4."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.apiserver import ApiServer, Refused
from support.helm import CHART, CRDS_CHART, EVERYTHING, one, pod_templates, template
from support.process import BIN
from support.releases import Helm3, Releases

OPERATIONS = CHART.parents[1] / "docs" / "operations.md"
LISA = CHART.parents[1] / "loras" / "lisa" / "voiceprofile.yaml"
NATIVE = "all,secrets,configmaps,serviceaccounts,roles,rolebindings,networkpolicies,poddisruptionbudgets"
KINDS = f"{NATIVE},speechengines"
OF_HELM = "app.kubernetes.io/managed-by=Helm"


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """The chart as of a version before."""
    chart = shutil.copytree(CHART, tmp_path / "previous" / "timbre")
    about = yaml.safe_load((chart / "Chart.yaml").read_text()) | {"version": "0.0.1", "appVersion": "0.0.1"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
    return chart


@pytest.fixture
def get(cluster: ApiServer, namespace: str) -> Callable[[str], Any]:
    """An object of the namespace, by kind/name."""
    return lambda what: json.loads(cluster.kubectl("-n", namespace, "get", what, "-o", "json"))


def left(cluster: ApiServer, namespace: str) -> str:
    return cluster.kubectl("-n", namespace, "get", KINDS, "-l", OF_HELM, "-o", "name")


def test_an_upgrade_keeps_secrets_and_engines_and_a_rollback_goes_back(
    releases: Releases, cluster: ApiServer, namespace: str, previous: Path, get: Callable[[str], Any]
) -> None:
    releases.install(previous, "demo", namespace)
    assert get("speechengine/default")["spec"]["backend"] == "espeak"
    secrets = {name: get(f"secret/demo-timbre-{name}")["data"] for name in ("bridge-token", "valkey")}
    # As an autoscaler or a person does; the chart has no word on how many there are.
    cluster.kubectl("-n", namespace, "scale", "speechengine/default", "--replicas=3")
    engine, valkey = get("speechengine/default"), get("deployment/demo-timbre-valkey")

    releases.upgrade(CHART, "demo", namespace, {"bridge": {"replicas": 2}})
    operator = get("deployment/demo-timbre-operator")["spec"]["template"]["spec"]["containers"][0]
    assert operator["image"] != "localhost/timbre-operator:0.0.1"
    assert get("deployment/demo-timbre-bridge")["spec"]["replicas"] == 2
    assert {name: get(f"secret/demo-timbre-{name}")["data"] for name in secrets} == secrets
    assert get("speechengine/default")["spec"] == engine["spec"] and engine["spec"]["replicas"] == 3
    assert get("speechengine/default")["metadata"]["generation"] == engine["metadata"]["generation"]
    assert get("deployment/demo-timbre-valkey")["metadata"]["generation"] == valkey["metadata"]["generation"]

    releases.rollback("demo", namespace, 1)
    operator = get("deployment/demo-timbre-operator")["spec"]["template"]["spec"]["containers"][0]
    assert operator["image"] == "localhost/timbre-operator:0.0.1"
    assert get("deployment/demo-timbre-bridge")["spec"]["replicas"] == 1
    assert {name: get(f"secret/demo-timbre-{name}")["data"] for name in secrets} == secrets
    assert get("speechengine/default")["spec"] == engine["spec"]

    releases.uninstall("demo", namespace)
    assert left(cluster, namespace) == ""


def test_voices_and_definitions_outlive_a_release(releases: Releases, cluster: ApiServer, namespace: str) -> None:
    releases.install(CHART, "demo", namespace)
    cluster.kubectl("-n", namespace, "apply", "-f", str(LISA))
    releases.uninstall("demo", namespace)
    assert left(cluster, namespace) == ""
    assert "lisa" in cluster.kubectl("-n", namespace, "get", "vp", "-o", "name")
    releases.install(CHART, "again", namespace)
    releases.uninstall("again", namespace)
    cluster.kubectl("-n", namespace, "delete", "vp", "lisa", "--timeout=30s")


def test_a_claim_with_weights_outlives_its_release(releases: Releases, cluster: ApiServer, namespace: str) -> None:
    values = {"model": {"pull": {"enabled": True}}}
    releases.install(CHART, "demo", namespace, values)
    releases.uninstall("demo", namespace)
    assert "demo-timbre-model" in cluster.kubectl("-n", namespace, "get", "persistentvolumeclaims", "-o", "name")
    releases.install(CHART, "demo", namespace, values)
    releases.uninstall("demo", namespace)


@pytest.mark.parametrize("values", [{}, {"operator": {"clusterWide": True}}], ids=str)
def test_two_releases_of_one_name_in_two_namespaces(
    releases: Releases, cluster: ApiServer, namespace: str, other_namespace: str, values: dict[str, Any]
) -> None:
    for each in (namespace, other_namespace):
        releases.install(CHART, "demo", each, values)
    releases.uninstall("demo", namespace)
    assert left(cluster, namespace) == ""
    assert "deployment.apps/demo-timbre-operator" in left(cluster, other_namespace)
    bindings = cluster.kubectl("get", "clusterrolebindings", "-l", OF_HELM, "-o", "name").split()
    expected = f"clusterrolebinding.rbac.authorization.k8s.io/{other_namespace}-demo-timbre-operator"
    assert bindings == ([expected] if values else [])
    releases.uninstall("demo", other_namespace)


def test_every_pod_is_restricted(cluster: ApiServer, namespace: str) -> None:
    pods = pod_templates(template(EVERYTHING, namespace=namespace))
    assert len(pods) == 5
    path = f"/api/v1/namespaces/{namespace}/pods?dryRun=All"
    for pod in pods.values():
        cluster.request("POST", path, {"metadata": {"name": "demo"}, "spec": pod["spec"]})
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    with pytest.raises(Refused, match="violates PodSecurity"):
        cluster.request("POST", path, {"metadata": {"name": "demo"}, "spec": pod["spec"]})


def test_the_definitions_chart_takes_over_and_leaves_them_when_it_goes(
    cluster: ApiServer, namespace: str, tmp_path: Path
) -> None:
    releases = Helm3(cluster.kubeconfig, tmp_path)
    releases.install(CHART, "demo", namespace)
    cluster.kubectl("-n", namespace, "apply", "-f", str(LISA))
    with pytest.raises(AssertionError, match="invalid ownership metadata"):
        releases.install(CRDS_CHART, "crds", namespace)
    releases.install(CRDS_CHART, "crds", namespace, {}, "--take-ownership")
    releases.upgrade(CRDS_CHART, "crds", namespace)
    releases.uninstall("crds", namespace)
    assert "lisa" in cluster.kubectl("-n", namespace, "get", "vp", "-o", "name")
    releases.install(CRDS_CHART, "others", namespace, {}, "--take-ownership")
    releases.uninstall("others", namespace)
    releases.uninstall("demo", namespace)


def test_older_definitions_are_upgraded_by_the_command_that_the_docs_name(
    releases: Releases, cluster: ApiServer, namespace: str, previous: Path
) -> None:
    cluster.kubectl("delete", "crd", "-l", "app.kubernetes.io/part-of=timbre", "--timeout=60s")
    path = previous / "crds" / "voiceprofiles.timbre.dev.yaml"
    older = yaml.safe_load(path.read_text())
    del _fields(older)["lexicon"]
    path.write_text(yaml.safe_dump(older))
    releases.install(previous, "demo", namespace)

    def stored() -> dict[str, Any]:
        about = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/voiceprofiles.timbre.dev"
        return _fields(cluster.request("GET", about))

    assert "lexicon" not in stored()
    (arguments,) = re.findall(r"^kubectl (apply --server-side .*-f) crds/", OPERATIONS.read_text(), re.MULTILINE)
    cluster.kubectl(*arguments.split(), str(CHART.parents[1] / "crds"))
    assert "lexicon" in stored()
    releases.upgrade(CHART, "demo", namespace)
    releases.uninstall("demo", namespace)


def _fields(definition: dict[str, Any]) -> dict[str, Any]:
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    found: dict[str, Any] = spec["properties"]
    return found


def test_the_definitions_chart_may_come_first(releases: Releases, cluster: ApiServer, namespace: str) -> None:
    cluster.kubectl("delete", "crd", "-l", "app.kubernetes.io/part-of=timbre", "--timeout=60s")
    releases.install(CRDS_CHART, "crds", namespace)
    cluster.kubectl(
        "wait", "--for=condition=Established", "--timeout=60s", "crd", "-l", "app.kubernetes.io/part-of=timbre"
    )
    releases.install(CHART, "demo", namespace)
    releases.upgrade(CRDS_CHART, "crds", namespace)
    releases.uninstall("crds", namespace)
    assert "default" in cluster.kubectl("-n", namespace, "get", "spe", "-o", "name")
    releases.uninstall("demo", namespace)


def test_optional_objects_are_what_their_definitions_say(cluster: ApiServer, namespace: str) -> None:
    files = os.environ.get("TIMBRE_TEST_CRDS", "")
    if not files:
        pytest.skip("TIMBRE_TEST_CRDS names no files (by :) with the Prometheus Operator's and the Gateway API's")
    for path in files.split(":"):
        cluster.kubectl("apply", "--server-side", "-f", path)
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=120s", "crd", "--all")
    objects = template(EVERYTHING, namespace=namespace)
    kinds = {each["kind"] for each in objects}
    assert {"ServiceMonitor", "PodMonitor", "PrometheusRule", "HTTPRoute"} < kinds
    text = yaml.safe_dump_all(objects)
    cluster.kubectl("-n", namespace, "apply", "--dry-run=server", "--validate=strict", "-f", "-", text=text)


def test_the_definitions_may_go_before_the_release(releases: Releases, cluster: ApiServer, namespace: str) -> None:
    releases.install(CHART, "demo", namespace)
    cluster.kubectl("delete", "crd", "-l", "app.kubernetes.io/part-of=timbre", "--timeout=60s")
    releases.uninstall("demo", namespace)
    assert "demo-timbre" not in cluster.kubectl("-n", namespace, "get", NATIVE, "-l", OF_HELM, "-o", "name")


@pytest.mark.parametrize("values", [{}, {"operator": {"clusterWide": True}}], ids=str)
def test_the_operator_lacks_nothing_that_it_asks_for(
    cluster: ApiServer, namespace: str, tmp_path: Path, values: dict[str, Any]
) -> None:
    releases = Helm3(cluster.kubeconfig, tmp_path)
    releases.install(CHART, "demo", namespace, values)
    account = f"/api/v1/namespaces/{namespace}/serviceaccounts/demo-timbre-operator/token"
    token = cluster.request("POST", account, {"spec": {"expirationSeconds": 3600}})["status"]["token"]
    known = yaml.safe_load(cluster.kubeconfig.read_text())
    known["users"][0]["user"] = {"token": token}
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(known))
    deployment = one(template(values, namespace=namespace), "Deployment", "demo-timbre-operator")
    variables = {each["name"]: each["value"] for each in deployment["spec"]["template"]["spec"]["containers"][0]["env"]}
    done = subprocess.run(
        [
            BIN / "timbre-operator",
            "preflight",
            f"--kubeconfig={tmp_path / 'kubeconfig'}",
            f"--lease-namespace={namespace}",
        ],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "nothing is missing\n", done.stdout + done.stderr
    releases.uninstall("demo", namespace)
