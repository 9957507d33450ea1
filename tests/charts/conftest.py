"""An API server of this folder's own, since installing brings the definitions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import apiserver
from support.apiserver import ApiServer
from support.releases import Helm3, Helm4, Releases


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server; nothing acts on what it stores."""
    lacking = apiserver.lacking()
    if lacking:
        pytest.skip(lacking)
    with apiserver.running(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(params=["Helm 3", "Helm 4"])
def releases(request: pytest.FixtureRequest, cluster: ApiServer, tmp_path: Path) -> Releases:
    """Either Helm."""
    return Helm3(cluster.kubeconfig, tmp_path) if request.param == "Helm 3" else Helm4(cluster.kubeconfig)


@pytest.fixture
def namespace(cluster: ApiServer) -> str:
    """A namespace of the test's own, whose pods must be `restricted`."""
    return make_namespace(cluster)


_made: list[str] = []


def make_namespace(cluster: ApiServer) -> str:
    """Another one."""
    name = f"voices-{len(_made)}"
    _made.append(name)
    labels = {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }
    cluster.request("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    return name


@pytest.fixture
def other_namespace(cluster: ApiServer) -> str:
    """A second one."""
    return make_namespace(cluster)
