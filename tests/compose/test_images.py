"""What the images say of themselves and hold, and the operator's in a container: it needs no Kubernetes to be well."""

import json
import time
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose import podman
from support import containers

VERSION = tomllib.loads((containers.ROOT / "pyproject.toml").read_text())["project"]["version"]
NOWHERE = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "nowhere", "cluster": {"server": "https://127.0.0.1:9"}}],
    "users": [{"name": "nobody", "user": {"token": "none"}}],
    "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}],
    "current-context": "nowhere",
}


@pytest.mark.parametrize("component", ["engine", "bridge", "operator"])
def test_an_image_has_a_user_a_health_check_and_a_version(component: str) -> None:
    containers.require_podman(component)
    told: list[dict[str, Any]] = json.loads(podman.output("podman", "image", "inspect", containers.image(component)))
    (about,) = told
    assert about["User"] == "10001:10001"
    assert about["Healthcheck"]["Test"][0] == "CMD"
    assert about["Config"]["Entrypoint"] == [f"timbre-{component}"]
    assert about["Labels"]["org.opencontainers.image.version"] == VERSION


def test_the_engines_image_has_the_predictors_kernel_and_no_compiler() -> None:
    containers.require_podman("engine")
    load = "ctypes.CDLL(pathlib.Path(timbre_engine.kernels.__file__).with_name('_kernels.so'))"
    look = f"import ctypes, pathlib, shutil, timbre_engine.kernels; print({load}._name, shutil.which('gcc'))"
    python = ["podman", "run", "--rm", "--network=none", "--entrypoint=python", containers.image("engine")]
    assert podman.output(*python, "-c", look).split() == ["/opt/timbre/timbre_engine/kernels/_kernels.so", "None"]


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[str]:
    """A container with an operator whose API server is away."""
    containers.require_podman("operator")
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(NOWHERE))
    name = f"timbre-test-{uuid.uuid4().hex[:8]}"
    hardened = ["--read-only", "--tmpfs=/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"]
    mount = f"--volume={tmp_path / 'kubeconfig'}:/kubeconfig:ro"
    command = ["podman", "run", "--detach", f"--name={name}", *hardened, mount, containers.image("operator")]
    podman.output(*command, "run", "--kubeconfig=/kubeconfig", "--namespace=voices", "--lease-namespace=voices")
    yield name
    podman.output("podman", "rm", "--force", name)


def test_an_operator_without_its_api_server_is_healthy(operator: str) -> None:
    deadline = time.monotonic() + podman.WITHIN_S
    while podman.run("podman", "healthcheck", "run", operator).returncode:
        assert time.monotonic() < deadline, podman.run("podman", "logs", operator)
        time.sleep(0.2)
    assert podman.output("podman", "exec", operator, "id", "-u").strip() == "10001"
    with pytest.raises(AssertionError, match="Read-only file system"):
        podman.output("podman", "exec", operator, "touch", "/opt/timbre/probe")
