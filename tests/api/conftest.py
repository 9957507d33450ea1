"""An API server with Timbre's CRDs, for all tests of this folder."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import apiserver
from support.apiserver import ApiServer
from support.namespace import Namespace

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def bare_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server that knows nothing of Timbre."""
    lacking = apiserver.lacking()
    if lacking:
        pytest.skip(lacking)
    with apiserver.running(tmp_path_factory.mktemp("apiserver")) as server:
        yield server


@pytest.fixture(scope="session")
def api(bare_api: ApiServer) -> ApiServer:
    """The same, with the CRDs as a user applies them."""
    bare_api.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    bare_api.kubectl(
        "wait", "--for=condition=Established", "--timeout=120s", "crd", "-l", "app.kubernetes.io/part-of=timbre"
    )
    for plural in ("voiceprofiles", "speechengines"):
        bare_api.wait(f"/apis/timbre.dev/v1alpha1/namespaces/default/{plural}")
    return bare_api


@pytest.fixture
def here(api: ApiServer, request: pytest.FixtureRequest) -> Namespace:
    """A namespace of the test's own."""
    name: str = request.node.name
    words = re.sub(r"[^a-z0-9]+", "-", name.removeprefix("test_"))[:40].strip("-")
    return Namespace(api, f"{words}-{secrets.token_hex(4)}")
