"""A namespace for each module of tests."""

from collections.abc import Iterator

import pytest

from support import cluster
from support.cluster import Namespace


@pytest.fixture(scope="module")
def namespace(request: pytest.FixtureRequest) -> Iterator[Namespace]:
    with cluster.namespace(request.module.__name__.rpartition("test_")[2].replace("_", "-")) as made:
        yield made
