"""Which passes a watched event leads to: pure bookkeeping, no kopf."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from timbre_common.names import DEFAULT_ENGINE
from timbre_operator import names
from timbre_operator.kube import Object, Resource
from timbre_operator.kube.resource import CONFIG_MAPS, PODS, SPEECH_ENGINES, VOICE_PROFILES
from timbre_operator.queue import Key, Kind

DELETED = "DELETED"
_Id = tuple[Resource, str, str]


@dataclass(frozen=True)
class _Profile:
    engine: str
    agent: str


@dataclass
class Interest:
    """Remembers of each watched object what matters, so that an event which tells nothing new leads to no pass.

    As many entries as there are SpeechEngines, VoiceProfiles and pods of engines.
    """

    _seen: dict[_Id, Any] = field(default_factory=dict)
    _profiles: dict[tuple[str, str], _Profile] = field(default_factory=dict)
    _engines_of: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    """The engines of the profiles that name an agent, by namespace and agent, and how many profiles each has."""
    _engines: set[tuple[str, str]] = field(default_factory=set)

    def keys(self, resource: Resource, type_: str | None, obj: Object) -> set[Key]:
        """The passes that an event asks for. type_: as the watch has it; None: the object was there at its start."""
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        gone = type_ == DELETED
        if resource == SPEECH_ENGINES:
            return self._of_engine(namespace, name, gone=gone)
        if resource == VOICE_PROFILES:
            return self._of_profile(namespace, name, obj, gone=gone)
        engine = obj["metadata"].get("labels", {}).get(names.ENGINE_LABEL)
        if engine is None:  # of the namespace as a whole, such as the routes
            return {Key(Kind.VOICES, where, each) for where, each in self._engines if where == namespace}
        if resource == PODS:
            return _both(namespace, engine) if self._news((resource, namespace, name), _pod(obj), gone=gone) else set()
        return {Key(Kind.VOICES if resource == CONFIG_MAPS else Kind.ENGINE, namespace, engine)}

    def _of_engine(self, namespace: str, name: str, *, gone: bool) -> set[Key]:
        (self._engines.discard if gone else self._engines.add)((namespace, name))
        return _both(namespace, name)

    def _of_profile(self, namespace: str, name: str, obj: Object, *, gone: bool) -> set[Key]:
        """The passes over its engine, the one that it named before, and those whose profiles name the same agent."""
        if not self._news((VOICE_PROFILES, namespace, name), _asked(obj), gone=gone):
            return set()
        spec = obj.get("spec", {})
        profile = _Profile(spec.get("engineRef", {}).get("name", DEFAULT_ENGINE), spec.get("agentID", ""))
        before = self._profiles.pop((namespace, name), None)
        if before is not None:
            self._count(namespace, before, -1)
        if not gone:
            self._profiles[namespace, name] = profile
            self._count(namespace, profile, 1)
        concerned = {profile, before or profile}
        rivals = (self._engines_of.get((namespace, each.agent), ()) for each in concerned)
        engines = {*(each.engine for each in concerned), *chain.from_iterable(rivals)}
        return {Key(Kind.VOICES, namespace, engine) for engine in engines}

    def _count(self, namespace: str, profile: _Profile, by: int) -> None:
        agent = namespace, profile.agent
        engines = self._engines_of.setdefault(agent, Counter())
        engines[profile.engine] += by
        if not engines[profile.engine]:
            del engines[profile.engine]
        if not engines:
            del self._engines_of[agent]

    def _news(self, id_: _Id, content: Any, *, gone: bool) -> bool:
        """Whether the content is another than last time."""
        if gone:
            self._seen.pop(id_, None)
            return True
        before = self._seen.get(id_)
        self._seen[id_] = content
        return bool(before != content)


def _both(namespace: str, engine: str) -> set[Key]:
    return {Key(kind, namespace, engine) for kind in Kind}


def _asked(obj: Object) -> tuple[Any, ...]:
    """What is asked of a resource, without its status."""
    metadata = obj["metadata"]
    return metadata["uid"], metadata.get("generation"), metadata.get("deletionTimestamp")


def _pod(obj: Object) -> tuple[Any, ...]:
    """What of a pod concerns its engine: where it is, whether it is ready, and what holds it up."""
    status = obj.get("status", {})
    conditions = [(each["type"], each["status"], each.get("message")) for each in status.get("conditions", [])]
    containers = [
        (each["name"], each.get("restartCount"), each.get("state", {}).get("waiting", {}).get("reason"))
        for each in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    ]
    return (*_asked(obj), status.get("phase"), status.get("podIP"), tuple(conditions), tuple(containers))
