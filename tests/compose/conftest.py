"""The three services, up for a module's tests."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.project import Project
from support import containers
from support.process import BIN, free_ports


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    containers.require_podman("engine", "bridge", "test-redis")
    directory = tmp_path_factory.mktemp("compose")
    directory.parent.chmod(0o755)  # the services are another user
    shutil.copy(containers.ROOT / "docker-compose.yml", directory)
    (directory / "voices" / "loras").mkdir(parents=True)
    command = ["timbre", "compose", str(directory / "compose"), f"--voices={containers.ROOT / 'loras'}"]
    subprocess.run([BIN / command[0], *command[1:]], check=True, stdout=subprocess.DEVNULL)
    port, redis_port = free_ports(2)
    variables = {
        "PORT": str(port),
        "REDIS_PORT": str(redis_port),
        "REDIS_IMAGE": containers.image("test-redis"),
        "REGISTRY": containers.REGISTRY,
        "TAG": containers.TAG,
    }
    config = os.environ.get("CONTAINERS_CONF", str(Path(__file__).with_name("containers.conf")))
    password = (directory / "compose" / "secrets" / "redis.conf").read_text().split("requirepass ")[1].split()[0]
    project = Project(
        directory,
        f"timbre-test-{uuid.uuid4().hex[:8]}",
        f"http://127.0.0.1:{port}",
        f"redis://:{password}@127.0.0.1:{redis_port}/0",
        {**os.environ, **variables, "CONTAINERS_CONF": config},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_CONF", config)
        try:
            project.compose("up", "--detach", "--no-build")
            project.wait_healthy()
            yield project
        finally:
            project.compose("down", "--volumes")
