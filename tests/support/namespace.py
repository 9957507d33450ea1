"""A namespace of its own for each test that has an API server, and what is in it."""

import asyncio
from collections.abc import Callable
from typing import Any

from support.apiserver import MERGE, ApiServer, Refused
from support.operator_process import ENGINES, requests


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """Wait for a condition; a request that is refused meanwhile counts as not yet."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(_holds, condition):
            await asyncio.sleep(0.1)


def _holds(condition: Callable[[], Any]) -> bool:
    try:
        return bool(condition())
    except (Refused, KeyError):
        return False


class Namespace:
    """A namespace of its own for each test, and what is in it."""

    def __init__(self, api: ApiServer, name: str) -> None:
        self.api = api
        self.name = name
        api.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    def apply(self, **spec: Any) -> None:
        body = {
            "apiVersion": "timbre.dev/v1alpha1",
            "kind": "SpeechEngine",
            "metadata": {"name": "default", "namespace": self.name},
            "spec": {"backend": "espeak", **spec},
        }
        path = f"{ENGINES.format(self.name)}/default?fieldManager=test"
        self.api.request("PATCH", path, body, content="application/apply-patch+yaml")

    def get(self, kind: str, name: str = "default-speech") -> Any:
        return self.api.request("GET", self.path(kind, name))

    def path(self, kind: str, name: str = "default-speech") -> str:
        root = {
            "deployments": "/apis/apps/v1",
            "poddisruptionbudgets": "/apis/policy/v1",
            "horizontalpodautoscalers": "/apis/autoscaling/v2",
            "scaledobjects": "/apis/keda.sh/v1alpha1",
            "speechengines": "/apis/timbre.dev/v1alpha1",
        }.get(kind, "/api/v1")
        return f"{root}/namespaces/{self.name}/{kind}/{name}"

    def there(self, kind: str, name: str = "default-speech") -> bool:
        try:
            self.get(kind, name)
        except Refused as error:
            if error.status != 404:
                raise
            return False
        return True

    def patch(self, kind: str, body: Any, name: str = "default-speech", sub: str = "") -> None:
        self.api.request("PATCH", self.path(kind, name) + sub, body, content=MERGE)

    def delete(self, kind: str, name: str = "default-speech") -> None:
        self.api.request("DELETE", self.path(kind, name))

    def conditions(self) -> dict[str, tuple[str, str]]:
        found = self.get("speechengines", "default")["status"]["conditions"]
        return {each["type"]: (each["status"], each["reason"]) for each in found}

    def passes(self, since: int) -> int:
        """How often the operator looked at the SpeechEngine."""
        return sum(
            each["verb"] == "get" and each["objectRef"].get("name") == "default"
            for each in requests(self.api, since=since)
            if each.get("objectRef", {}).get("resource") == "speechengines"
            and each["objectRef"].get("namespace") == self.name
        )
