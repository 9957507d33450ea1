"""Helm as a command: from the variable HELM, or the path."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

CHARTS = Path(__file__).parents[2] / "charts"
CHART = CHARTS / "timbre"
CRDS_CHART = CHARTS / "timbre-crds"
KUBE_VERSION = "1.34.0"
"""For templates, which ask no cluster."""

Object = dict[str, Any]

EVERYTHING: Object = {
    "operator": {"replicas": 2},
    "bridge": {
        "replicas": 2,
        "settings": {"floor": "mix", "max_listeners": 200, "speak_to_agents": True},
        "allowOrigins": ["https://example.org"],
        "ingress": {"enabled": True, "className": "nginx", "host": "voices.example.org", "tlsSecret": "voices-tls"},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}], "hostnames": ["speech.example.org"]},
    },
    "model": {"pull": {"enabled": True, "tokenSecret": "hub"}},
    "monitoring": {
        "labels": {"release": "prometheus"},
        "serviceMonitors": {"enabled": True},
        "rules": {"enabled": True},
        "dashboards": {"enabled": True},
    },
}
"""Values that make every object that the chart can make."""


@cache
def helm_path() -> str:
    """Where Helm is; skips the test where there is none."""
    found = os.environ.get("HELM") or shutil.which("helm")
    if not found:
        pytest.skip("no Helm on this machine (in the path, or named by HELM)")
    return found


def helm(*arguments: str, env: dict[str, str] | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Helm; where it fails and `check` is set, the test fails with what it said."""
    done = subprocess.run(
        [helm_path(), *arguments],
        capture_output=True,
        text=True,
        env=os.environ | (env or {}),
        timeout=300,
        check=False,
    )
    if check:
        assert done.returncode == 0, f"helm {' '.join(arguments)}\n{done.stderr}\n{done.stdout}"
    return done


def template(
    values: Object | None = None, *, chart: Path = CHART, release: str = "demo", namespace: str = "voices"
) -> list[Object]:
    """The objects that the chart makes of these values."""
    return [each for each in yaml.safe_load_all(_rendered(values, chart, release, namespace).stdout) if each]


def refusal(values: Object) -> str:
    """What Helm says where it refuses these values."""
    done = _rendered(values, CHART, "demo", "voices", check=False)
    assert done.returncode != 0, "these values were not refused"
    return done.stderr


def _rendered(
    values: Object | None, chart: Path, release: str, namespace: str, *, check: bool = True
) -> subprocess.CompletedProcess[str]:
    command = [helm_path(), "template", release, str(chart), "--namespace", namespace, "--kube-version", KUBE_VERSION]
    done = subprocess.run(
        [*command, "--values", "-"],
        input=yaml.safe_dump(values or {}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def one(objects: list[Object], kind: str, name: str | None = None) -> Object:
    """The one object of a kind, and of a name where that is given."""
    found = [each for each in objects if each["kind"] == kind and name in {None, each["metadata"]["name"]}]
    assert len(found) == 1, [(each["kind"], each["metadata"]["name"]) for each in objects]
    return found[0]


def pod_templates(objects: list[Object]) -> dict[str, Object]:
    """The pods that objects make, by kind and name."""
    pods: dict[str, Object] = {}
    for each in objects:
        name = f"{each['kind']}/{each['metadata']['name']}"
        if each["kind"] == "Pod":
            pods[name] = each
        elif each["kind"] in {"Deployment", "Job"}:
            pods[name] = each["spec"]["template"]
    return pods
