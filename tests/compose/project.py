"""docker-compose.yml as `make up` runs it: by podman-compose, under a name and in a folder of its own."""

import json
import shutil
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from compose import podman
from support import containers
from support.process import BIN, free_ports
from timbre_common import tokens
from timbre_common.tokens import Grant

SERVICES: Final = ("redis", "tts-engine", "bridge")


@dataclass
class Project:
    """The three services, up. said: what `make up` printed."""

    directory: Path
    name: str
    port: int
    redis_port: int
    said: str = ""

    @property
    def url(self) -> str:
        """The bridge's."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def redis_url(self) -> str:
        """As agents on this machine reach it."""
        line = self.secret("host.env").removeprefix("REDIS_URL=")
        return line.replace(":6390/", f":{self.redis_port}/")

    def secret(self, name: str) -> str:
        """What a file of the secrets holds."""
        return (self.directory / "compose" / "secrets" / name).read_text().strip()

    def token(self) -> str:
        """A listener's, signed with the project's secret."""
        return tokens.sign(Grant(expires_at=time.time() + 3600), self.secret("token-secret").encode())

    def container(self, service: str) -> str:
        """A service's container."""
        return f"{self.name}_{service}_1"

    def podman(self, *arguments: str) -> str:
        """Output of podman. Raises AssertionError with what it says."""
        return podman.output("podman", *arguments)

    def make(self, target: str, **variables: str) -> str:
        """`make` in the project's folder: what it prints. Raises AssertionError with what it says."""
        chosen = {
            "COMPOSE": f"podman-compose --project-name {self.name}",
            "PORT": str(self.port),
            "REDIS_PORT": str(self.redis_port),
            "REDIS_IMAGE": containers.image("test-redis"),
            "REGISTRY": containers.REGISTRY,
            "TAG": containers.TAG,
        } | variables
        command = ["make", "--no-print-directory", "-f", str(containers.ROOT / "Makefile"), "-o", ".venv/.run-stamp"]
        given = [f"{name}={value}" for name, value in chosen.items()]
        return podman.output(*command, target, *given, directory=self.directory)

    def health(self) -> dict[str, Any]:
        """What the bridge says of itself; empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                state: dict[str, Any] = json.load(answer)
                return state
        except OSError:
            return {}

    def wait_healthy(self) -> None:
        """Until Redis and the engine are there. Raises AssertionError with the logs."""
        deadline = time.monotonic() + podman.WITHIN_S
        while self.health().get("status") != "ok":
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.2)

    def logs(self) -> str:
        """What the services said."""
        told = [podman.run("podman", "logs", self.container(service)) for service in SERVICES]
        return "\n".join(f"{each.args[-1]}:\n{each.stdout}{each.stderr}" for each in told)


@contextmanager
def up(directory: Path, **variables: str) -> Iterator[Project]:
    """A project in a folder with `loras` in it, from `make up` with these variables to `make down`."""
    containers.require_podman("engine", "bridge", "test-redis")
    for name in ("docker-compose.yml", "docker-compose.model.yml"):
        shutil.copy(containers.ROOT / name, directory)
    (directory / ".venv").symlink_to(BIN.parent)
    port, redis_port = free_ports(2)
    project = Project(directory, f"timbre-test-{uuid.uuid4().hex[:8]}", port, redis_port)
    try:
        project.said = project.make("up", **variables)
        project.wait_healthy()
        yield project
    finally:
        project.make("down")
