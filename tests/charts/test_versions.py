"""Versions come from one place, and a new one of the chart leaves the engines alone."""

import shutil
import tomllib
from pathlib import Path

import pytest
import yaml

from support.helm import CHART, CHARTS, helm, one, template

VERSION = tomllib.loads((CHARTS.parent / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize("name", ["timbre", "timbre-crds"])
def test_a_chart_has_the_project_s_version(name: str) -> None:
    chart = yaml.safe_load((CHARTS / name / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)
    assert chart["kubeVersion"] == ">=1.31.0-0"


def test_a_newer_chart_changes_its_own_images_and_not_the_engine_s(tmp_path: Path) -> None:
    newer = shutil.copytree(CHART, tmp_path / "timbre")
    about = yaml.safe_load((newer / "Chart.yaml").read_text()) | {"version": "9.9.9", "appVersion": "9.9.9"}
    (newer / "Chart.yaml").write_text(yaml.safe_dump(about))
    values = {"model": {"pull": {"enabled": True}}}
    before, after = template(values), template(values, chart=newer)
    for kind in ("SpeechEngine", "Job"):
        assert one(before, kind)["spec"] == one(after, kind)["spec"]
    assert one(before, "Job")["metadata"]["name"] == one(after, "Job")["metadata"]["name"]
    for name in ("operator", "bridge"):
        pod = one(after, "Deployment", f"demo-timbre-{name}")["spec"]["template"]["spec"]
        assert pod["containers"][0]["image"] == f"localhost/timbre-{name}:9.9.9"
    valkey = [one(objects, "Deployment", "demo-timbre-valkey")["spec"] for objects in (before, after)]
    assert valkey[0] == valkey[1]


def test_an_older_kubernetes_is_refused() -> None:
    done = helm("template", str(CHART), "--kube-version", "1.30.0", check=False)
    assert done.returncode != 0
    assert "kubeVersion: >=1.31.0-0" in done.stderr


def test_a_package_holds_the_definitions_that_the_chart_links_to(tmp_path: Path) -> None:
    for name, folder in (("timbre", "crds"), ("timbre-crds", "files")):
        helm("package", str(CHARTS / name), "--destination", str(tmp_path))
        shutil.unpack_archive(tmp_path / f"{name}-{VERSION}.tgz", tmp_path)
        packed = {path.name: path.read_bytes() for path in (tmp_path / name / folder).glob("*.yaml")}
        source = {path.name: path.read_bytes() for path in (CHARTS.parent / "crds").glob("*.yaml")}
        assert packed == source
        assert len(packed) == 2
