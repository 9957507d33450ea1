"""The chart's release in a namespace, as a user installs it, and what is reached of it from here."""

import asyncio
import base64
import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from support import containers
from support.cluster import Manifest, Namespace, program
from support.hearing import Heard, hear
from timbre_common import tokens
from timbre_common.tokens import Grant

NAME = "timbre"
_PACE = {"name": "TIMBRE_ENGINE_PACE", "value": "rtf=0.9,first=200ms"}
"""So that a stream lasts, while something happens beside it."""


@dataclass
class Release:
    """One release. All waits are bounded."""

    namespace: Namespace

    def upgrade(self, values: Mapping[str, Any]) -> None:
        """Upgrade it, with values by their paths, such as `operator.logLevel`."""
        self._install("upgrade", values)

    def _install(self, command: str, values: Mapping[str, Any]) -> None:
        chosen = {
            "image": {"registry": containers.REGISTRY},
            "operator": {"image": {"tag": containers.TAG}},
            "bridge": {"image": {"tag": containers.TAG}},
            "engine": {"image": {"tag": containers.TAG}, "spec": {"env": [_PACE]}},
            "valkey": {"image": containers.image("test-redis"), "command": ["redis-server"]},
        }
        chart = str(containers.ROOT / "charts" / "timbre")
        more = [f"--set-json={path}={json.dumps(value)}" for path, value in values.items()]
        options = ["--skip-crds", "--values=-", *more, "--wait", "--timeout=5m"]
        self._helm(command, NAME, chart, *options, given=yaml.safe_dump(chosen))

    def test(self) -> None:
        """Run the chart's own test."""
        self._helm("test", NAME, "--timeout=5m")

    def uninstall(self) -> None:
        """Remove the release."""
        self._helm("uninstall", NAME, "--wait", "--timeout=5m")

    def _helm(self, *arguments: str, given: str = "") -> None:
        where = [f"--kubeconfig={self.namespace.kubeconfig}", f"--namespace={self.namespace.name}"]
        command = [program("helm"), *where, *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=360, check=False)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.namespace.state()}"

    def install(self, values: Mapping[str, Any] | None = None) -> None:
        """With values by their paths, and this checkout's CRDs, since Helm leaves alone those that are there."""
        self.namespace.kubectl("apply", "--server-side", "--force-conflicts", f"--filename={containers.ROOT / 'crds'}")
        self._install("install", values or {})

    def profile(self, agent: str, **spec: Any) -> Manifest:
        """A VoiceProfile as its folder holds it, with parts of its spec replaced."""
        path = containers.ROOT / "loras" / agent / "voiceprofile.yaml"
        found: Manifest = yaml.safe_load(path.read_text())
        found["spec"] |= spec
        return found

    def ready(self, kind: str, *names: str) -> None:
        """Until each of them is Ready at its newest generation."""
        self.namespace.until(
            lambda: all(self._is_ready(f"{kind}/{name}") for name in names), f"{kind} {' '.join(names)}: Ready"
        )

    def says(self, profile: str, condition: str, reason: str) -> None:
        """Until a VoiceProfile's condition at its newest generation is false for this reason."""
        wanted = (condition, "False", reason)
        self.namespace.until(
            lambda: wanted in self._conditions(f"voiceprofile/{profile}"), f"{profile}: {condition} says {reason}"
        )

    def _is_ready(self, what: str) -> bool:
        return any(each[:2] == ("Ready", "True") for each in self._conditions(what))

    def _conditions(self, what: str) -> list[tuple[str, str, str]]:
        """Type, status and reason of those of its newest generation."""
        resource = self.namespace.get(what)
        return [
            (each["type"], each["status"], each["reason"])
            for each in resource.get("status", {}).get("conditions", [])
            if each["observedGeneration"] == resource["metadata"]["generation"]
        ]

    def engine_pods(self, engine: str) -> dict[str, int]:
        """Restarts of all containers, by the uid of each pod that is not going away."""
        pods = self.namespace.pods(f"timbre.dev/engine={engine}")
        return {pod["metadata"]["uid"]: _restarts(pod["status"]) for pod in pods}

    def secret(self, name: str, key: str) -> str:
        """What a Secret holds."""
        return base64.b64decode(self.namespace.get(f"secret/{name}")["data"][key]).decode()

    @contextmanager
    def reached(self) -> Iterator["Reached"]:
        """The bridge and Redis, from here."""
        with (
            self.namespace.forwarded(f"service/{NAME}-bridge", 8760) as bridge,
            self.namespace.forwarded(f"service/{NAME}-valkey", 6379) as redis,
        ):
            password = self.secret(f"{NAME}-valkey", "password")
            token = tokens.sign(
                Grant(expires_at=time.time() + 3600), self.secret(f"{NAME}-bridge-token", "secret").encode()
            )
            reached = Reached(f"http://{bridge}", f"redis://:{password}@{redis}/0", token)
            self.namespace.until(reached.is_well, "the bridge's /healthz says ok")
            yield reached


@dataclass(frozen=True)
class Reached:
    """Where it is, and a listener's token."""

    url: str
    redis_url: str
    token: str

    def is_well(self) -> bool:
        """Whether the bridge has its Redis and its engines."""
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=20) as answer:
            return bool(json.load(answer)["status"] == "ok")

    def said(self) -> list[dict[str, Any]]:
        """The bridge's history, newest first."""
        request = urllib.request.Request(f"{self.url}/v1/utterances", headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            utterances: list[dict[str, Any]] = json.load(answer)["utterances"]
            return utterances

    async def hear(self, agent: str, text: str, sounding: asyncio.Event | None = None) -> Heard:
        """Publish an H-Link message on Redis, and hear it from the bridge; checked."""
        heard = await hear(self.url, self.redis_url, self.token, agent, text, within=180, sounding=sounding)
        heard.check(least_s=0.1)
        return heard

    async def hear_while(self, agent: str, text: str, something: Callable[[], None]) -> None:
        """As `hear`; once it sounds, do something beside it."""
        sounding = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.hear(agent, text, sounding))
            await sounding.wait()
            await asyncio.to_thread(something)


def _restarts(status: dict[str, Any]) -> int:
    containers_of = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    return sum(each["restartCount"] for each in containers_of)
