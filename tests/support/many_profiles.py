"""Many VoiceProfiles on one engine: an API server alone, a real operator, and a real fetcher and engine as the pod.

The operator has a ServiceAccount of its own, so that the audit log tells its requests from all others.
"""

import asyncio
import hashlib
import json
import random
import secrets
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from kubernetes.aio.client import ApiClient

from support import accounts
from support.apiserver import ApiServer
from support.engine_process import EngineProcess
from support.fetcher_process import FetcherProcess
from support.namespace import Namespace, until
from support.operator_process import OperatorProcess, changes, lines, requests, tokens
from timbre_common.names import ENV_ADMIN_TOKEN, FETCHER_PORT, GROUP
from timbre_operator import names
from timbre_operator.kube import Object, connection
from timbre_operator.kube.client import ApiKube
from timbre_operator.kube.resource import VOICE_PROFILES

WRITERS: Final = 8
"""Profiles that are applied at once."""
REST_S: Final = 3.0
"""Passes that follow a change begin within a second."""
_STYLES: Final = ("happy", "sad", "angry", "shy", "alert", "thinking")
_HOST: Final = "voices.example"
_NOW: Final = "2026-01-01T00:00:00Z"


def profile(namespace: str, index: int, pitch: float = 0.0) -> Object:
    """One with six styles, and an adapter that is to be fetched; another `pitch` is another voice."""
    name = f"voice-{index:05}"
    digest = f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    styles = {style: {"speed": 1.0 + step / 50, "pitch": step / 2} for step, style in enumerate(_STYLES)}
    return {
        "apiVersion": VOICE_PROFILES.api_version,
        "kind": VOICE_PROFILES.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "agentID": name,
            "languages": ["fr", "en"],
            "adapter": {"http": {"url": f"https://{_HOST}/{name}.gguf"}, "digest": digest},
            "sampling": {"temperature": 0.7, "topK": 50},
            "prosody": {"speed": 0.95, "pitch": pitch, "styles": styles},
            "display": {"name": f"Voice {index}", "colour": "#27AE60"},
        },
    }


@dataclass
class Readiness:
    """Follows a namespace's VoiceProfiles by a watch, as `kubectl wait` does."""

    api: ApiServer
    namespace: str
    _ready: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By name: the generation that is Ready, and since when (`time.monotonic`)."""

    async def follow(self) -> None:
        """Until cancelled."""
        path = f"/apis/{GROUP}/v1alpha1/namespaces/{self.namespace}/voiceprofiles"
        headers = {"Authorization": f"Bearer {self.api.token}"}
        timeout = aiohttp.ClientTimeout(total=None)
        async with (
            aiohttp.ClientSession(headers=headers, timeout=timeout, read_bufsize=1 << 20) as session,
            session.get(f"{self.api.url}{path}", params={"watch": "1"}, ssl=self.api.context) as answer,
        ):
            async for line in answer.content:
                self._take(json.loads(line)["object"], time.monotonic())
        raise AssertionError("the API server ended the watch")

    def _take(self, obj: Object, now: float) -> None:
        metadata = obj["metadata"]
        for each in obj.get("status", {}).get("conditions", []):
            if each["type"] == "Ready" and each["status"] == "True":
                generation = each["observedGeneration"]
                if self._ready.get(metadata["name"], (0, 0.0))[0] < generation:
                    self._ready[metadata["name"]] = generation, now

    async def when(self, wanted: Mapping[str, int], seconds: float) -> float:
        """When the last of these was Ready, by name and generation. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while any(self._ready.get(name, (0, 0.0))[0] < generation for name, generation in wanted.items()):
                await asyncio.sleep(0.02)
        return max(self._ready[name][1] for name in wanted)


@dataclass
class ManyProfiles:
    """The place, and what can be done there. user: the operator's name in the audit log."""

    api: ApiServer
    namespace: str
    user: str
    operator: OperatorProcess
    readiness: Readiness
    _kubeconfig: Path
    _kube: ApiKube

    async def apply(self, profiles: Iterable[Object]) -> dict[str, int]:
        """Apply them, some at once; the generation that each has then, by name."""
        places = asyncio.Semaphore(WRITERS)

        async def one(obj: Object) -> tuple[str, int]:
            async with places:
                stored = await self._kube.apply(VOICE_PROFILES, obj, manager="user")
            return stored["metadata"]["name"], stored["metadata"]["generation"]

        return dict(await asyncio.gather(*map(one, profiles)))

    async def stop(self) -> None:
        """Stop the operator."""
        await self.operator.stop()

    async def start(self) -> None:
        """Start the next operator; it leads then."""
        self.operator = _operator(self._kubeconfig, self.namespace)
        await self.operator.start()

    async def at_rest(self, seconds: float) -> int:
        """Waits until the operator wrote nothing for a while; the audit log's length then. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while True:
                since = lines(self.api)
                await asyncio.sleep(REST_S)
                if not changes(requests(self.api, self.user, since)):
                    return lines(self.api)

    async def passed(self, seconds: float) -> None:
        """Waits for this operator's first pass over the engine's voices. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not (await self.passes())[0]:
                await asyncio.sleep(0.05)

    async def metric(self, name: str) -> float:
        """One of the operator's; `name` is what stands before the value, labels included."""
        told = await asyncio.to_thread(self.operator.get, "/metrics")
        lines = [line.rpartition(" ") for line in told.splitlines() if not line.startswith("#")]
        return next(float(value) for head, _, value in lines if head == name)

    async def passes(self) -> tuple[int, float]:
        """How often this operator looked at the engine's voices, and the seconds that it took, together."""
        name, kind = "timbre_operator_reconcile_seconds", '{kind="voices"}'
        return int(await self.metric(f"{name}_count{kind}")), await self.metric(f"{name}_sum{kind}")


@asynccontextmanager
async def place(api: ApiServer, folder: Path, profiles: int) -> AsyncIterator[ManyProfiles]:
    """A namespace with an engine that is ready, whose volume has the files of so many profiles. `api` has the CRDs."""
    here = Namespace(api, f"many-{secrets.token_hex(4)}")
    kubeconfig = accounts.operator(api, here.name, [here.name])
    adapters = folder / "adapters" / "sha256"
    adapters.mkdir(parents=True)
    for index in range(profiles):
        content = profile(here.name, index)["metadata"]["name"].encode()
        (adapters / f"{hashlib.sha256(content).hexdigest()}.gguf").write_bytes(content)
    configuration = await connection.configuration(api.kubeconfig)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(ApiClient(configuration))
        operator = _operator(kubeconfig, here.name)
        await operator.start()
        made = ManyProfiles(
            api,
            here.name,
            accounts.user(here.name, accounts.OPERATOR),
            operator,
            Readiness(api, here.name),
            kubeconfig,
            ApiKube(client, 60.0),
        )
        stack.push_async_callback(made.stop)
        here.apply()
        await until(lambda: here.there("deployments") and here.there("secrets", names.admin_secret("default")))
        (token,) = tokens(here.get("secrets", names.admin_secret("default")))
        engine = EngineProcess("--backend=espeak")
        engine.admin_token = engine.env[ENV_ADMIN_TOKEN] = token
        await stack.enter_async_context(engine)
        address = f"127.{random.randrange(1, 255)}.{random.randrange(255)}.{random.randrange(1, 255)}"
        arguments = (f"--host={address}", f"--allowed-hosts={_HOST}")
        fetcher = FetcherProcess(folder, engine.admin_url, *arguments, port=FETCHER_PORT)
        fetcher.tokens.write_text(f"{token}\n")
        await stack.enter_async_context(fetcher)
        _stand_for_a_pod(here, address)
        following = asyncio.create_task(made.readiness.follow())
        stack.push_async_callback(_ended, following)
        yield made


def _operator(kubeconfig: Path, name: str) -> OperatorProcess:
    return OperatorProcess(kubeconfig, name, "--namespace", name, ready=r"leads$")


def _stand_for_a_pod(here: Namespace, address: str) -> None:
    """What controllers and a kubelet would make of the Deployment."""
    template = here.get("deployments")["spec"]["template"]
    pod: dict[str, Any] = {"metadata": {"name": "pod", "labels": template["metadata"]["labels"]}}
    here.api.request("POST", f"/api/v1/namespaces/{here.name}/pods", pod | {"spec": template["spec"]})
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": _NOW}
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": [ready]}
    here.patch("pods", {"status": status}, "pod", "/status")
    replicas = {"replicas": 1, "readyReplicas": 1, "observedGeneration": 1}
    here.patch("deployments", {"status": replicas}, sub="/status")


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
