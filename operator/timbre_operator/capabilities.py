"""What the cluster offers beside Kubernetes itself, asked now and then: it may come while the operator runs."""

import time
from typing import Final

from timbre_operator.kube import Kube, Resource
from timbre_operator.kube.resource import SCALED_OBJECTS

_FRESH_S: Final = 60.0


class Discovery:
    """Asks the API server's discovery, which everybody may read; an answer about KEDA counts for a minute."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._asked = -_FRESH_S
        self._keda = False

    async def has(self, resource: Resource) -> bool:
        """Whether the server knows a kind of an API group, as it is now. Raises ClusterUnavailable."""
        told = await self._kube.read(f"/apis/{resource.api_version}")
        return any(each["name"] == resource.plural for each in (told or {}).get("resources", []))

    async def keda(self) -> bool:
        """Whether KEDA's ScaledObject is there. Raises ClusterUnavailable."""
        if time.monotonic() - self._asked >= _FRESH_S:
            self._keda = await self.has(SCALED_OBJECTS)
            self._asked = time.monotonic()
        return self._keda
