"""docker-compose.yml, run by podman-compose under a name and in a folder of its own."""

import json
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SERVICES: Final = ("redis", "tts-engine", "bridge")
_UP_S: Final = 120.0


@dataclass
class Project:
    """The three services, up."""

    directory: Path
    name: str
    url: str
    redis_url: str
    environment: dict[str, str]

    def container(self, service: str) -> str:
        """A service's container."""
        return f"{self.name}_{service}_1"

    def podman(self, *arguments: str) -> str:
        """Output of podman. Raises AssertionError with what it says."""
        return _output(["podman", *arguments])

    def compose(self, *arguments: str) -> None:
        """podman-compose in the project's folder; what it says is told where it fails."""
        _output(["podman-compose", "--project-name", self.name, *arguments], self.directory, self.environment)

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
        deadline = time.monotonic() + _UP_S
        while self.health().get("status") != "ok":
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.2)

    def logs(self) -> str:
        """What the services said."""
        commands = [["podman", "logs", self.container(service)] for service in SERVICES]
        output = [subprocess.run(command, capture_output=True, text=True, check=False) for command in commands]
        return "\n".join(f"{each.args[-1]}:\n{each.stdout}{each.stderr}" for each in output)


def _output(command: list[str], directory: Path | None = None, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=_UP_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
