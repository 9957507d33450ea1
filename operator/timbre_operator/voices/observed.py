"""What there is around an engine's voices, read from the API server."""

import asyncio
from dataclasses import dataclass

from timbre_operator import names
from timbre_operator.kube import Kube, Object
from timbre_operator.kube.resource import CONFIG_MAPS, PODS, SECRETS, SPEECH_ENGINES, VOICE_PROFILES
from timbre_operator.manifests import secret
from timbre_operator.queue import Key


@dataclass(frozen=True)
class Observed:
    """Objects as the API has them. Engines and profiles are all of the namespace, the others are the engine's."""

    engines: list[Object]
    profiles: list[Object]
    pods: list[Object]
    maps: dict[str, Object]
    """ConfigMaps with the engine's label, by name."""
    routes: Object | None
    tokens: tuple[str, ...]
    """The administration's, newest first."""

    def engine(self, name: str) -> Object | None:
        """The SpeechEngine of a name, unless it is on its way out."""
        return next((each for each in self.engines if each["metadata"]["name"] == name), None)


async def observe(kube: Kube, key: Key) -> Observed:
    """Six requests, whatever there is, but for the pages of long lists."""
    own = ",".join(f"{label}={value}" for label, value in names.selector(key.engine).items())
    engines, profiles, pods, maps, routes, held = await asyncio.gather(
        kube.list(SPEECH_ENGINES, key.namespace),
        kube.list(VOICE_PROFILES, key.namespace),
        kube.list(PODS, key.namespace, labels=own),
        kube.list(CONFIG_MAPS, key.namespace, labels=own),
        kube.get(CONFIG_MAPS, key.namespace, names.ROUTES),
        kube.get(SECRETS, key.namespace, names.admin_secret(key.engine)),
    )
    tokens = secret.read(held)
    return Observed(
        engines=[each for each in engines if not each["metadata"].get("deletionTimestamp")],
        profiles=profiles,
        pods=pods,
        maps={each["metadata"]["name"]: each for each in maps},
        routes=routes,
        tokens=() if tokens is None else tokens.values,
    )
