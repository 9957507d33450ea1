"""The three services, up for a module's tests."""

from collections.abc import Iterator

import pytest

from compose.project import Project, up
from support.engine_process import LORAS


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    directory = tmp_path_factory.mktemp("compose")
    (directory / "loras").symlink_to(LORAS)
    with up(directory) as project:
        yield project
