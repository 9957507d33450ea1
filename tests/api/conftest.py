"""An API server with Timbre's CRDs, for all tests of this folder."""

import re
import secrets
from collections.abc import Iterator

import pytest

from support import apiserver
from support.apiserver import ApiServer
from support.namespace import Namespace


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
    """The same, with the CRDs."""
    bare_api.install_crds()
    return bare_api


@pytest.fixture
def here(api: ApiServer, request: pytest.FixtureRequest) -> Namespace:
    """A namespace of the test's own."""
    name: str = request.node.name
    words = re.sub(r"[^a-z0-9]+", "-", name.removeprefix("test_"))[:40].strip("-")
    return Namespace(api, f"{words}-{secrets.token_hex(4)}")
