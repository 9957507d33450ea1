"""The routes of a namespace: which engine serves which agent, in one ConfigMap that the bridge follows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from timbre_common import documents
from timbre_common.documents import Engine, Routes
from timbre_common.errors import InvalidInput
from timbre_common.names import API_VERSION, ENGINE_PORT
from timbre_common.voiceprofile import VoiceProfile
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.kube.resource import CONFIG_MAPS, SPEECH_ENGINES
from timbre_operator.voices.accepted import Judged
from timbre_operator.voices.profile_status import Verdict
from timbre_operator.voices.reasons import VoiceReason

LIMIT: Final = 900 << 10
"""Bytes of the document: a ConfigMap ends at 1 MiB."""
_LEXICON_LEFT_OUT: Final = Verdict(
    False,
    VoiceReason.LEXICON_LEFT_OUT,
    f"the bridge is told nothing of its lexicon: all of a namespace's routes have {LIMIT >> 10} KiB, and the longest "
    "lexicons are left out; shorten it",
)
_FULL: Final = Verdict(
    False,
    VoiceReason.ROUTES_FULL,
    f"the bridge is not told of it: older profiles fill the {LIMIT >> 10} KiB that a namespace's routes have",
)
_LABELS: Final = {"app.kubernetes.io/managed-by": names.MANAGED_BY, "app.kubernetes.io/part-of": "timbre"}


def routes(judged: Sequence[Judged], engines: Iterable[Object], namespace: str) -> Routes:
    """The routes of the accepted profiles, oldest first given. Where they would be too large, the longest lexicons are
    left out, and then the youngest profiles.
    """
    urls = [Engine(name, names.url(name, namespace, ENGINE_PORT)) for name in sorted(map(_name, engines))]
    profiles = _accepted(judged)
    made = documents.routes(profiles, urls)
    agents = {agent.agent_id: agent for agent in made.agents}
    size = len(msgspec.json.encode(made))
    for agent in sorted(made.agents, key=lambda each: len(msgspec.json.encode(each.lexicon)), reverse=True):
        if size <= LIMIT:
            break
        agents[agent.agent_id] = msgspec.structs.replace(agent, lexicon={})
        size -= len(msgspec.json.encode(agent.lexicon)) - len("{}")
    for profile in reversed(profiles):
        if size <= LIMIT:
            break
        size -= len(msgspec.json.encode(agents.pop(profile.spec.agent_id))) + len(",")
    return Routes(engines=made.engines, agents=list(agents.values()))


class Written(NamedTuple):
    """What became of a namespace's routes. blocked: why they are not written; lacking: by agent, what they lack."""

    blocked: Verdict | None = None
    lacking: Mapping[str, Verdict] = {}


def written(judged: Iterable[Judged], made: Routes) -> Written:
    """What the routes lack of the profiles that they were made of."""
    told = {agent.agent_id: agent for agent in made.agents}
    lacking = {}
    for spec in (profile.spec for profile in _accepted(judged)):
        agent = told.get(spec.agent_id)
        if agent is None:
            lacking[spec.agent_id] = _FULL
        elif spec.lexicon and not agent.lexicon:
            lacking[spec.agent_id] = _LEXICON_LEFT_OUT
    return Written(lacking=lacking)


def routed(judged: Judged, there: Written) -> Verdict:
    """Whether the bridge is told all of a profile."""
    if not judged.accepted or judged.profile is None:
        return Verdict(False, judged.reason, judged.message)
    whole = Verdict(True, VoiceReason.ROUTED)
    return there.blocked or there.lacking.get(judged.profile.spec.agent_id, whole)


def stored_routes(live: Object | None) -> Routes | None:
    """The routes in the ConfigMap; None where there are none that can be read."""
    try:
        return documents.parse_routes((live or {}).get("data", {}).get(names.ROUTES_KEY, ""))
    except InvalidInput:
        return None


def config_map(made: Routes, engines: Iterable[Object], namespace: str) -> Object:
    """The ConfigMap. It belongs to every SpeechEngine of the namespace, and goes with the last of them."""
    owners = [
        {"apiVersion": API_VERSION, "kind": SPEECH_ENGINES.kind, "name": _name(each), "uid": each["metadata"]["uid"]}
        for each in sorted(engines, key=_name)
    ]
    return {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": {"name": names.ROUTES, "namespace": namespace, "labels": _LABELS, "ownerReferences": owners},
        "data": {names.ROUTES_KEY: msgspec.json.encode(made).decode()},
    }


def is_ours(live: Object) -> bool:
    """Whether a ConfigMap of this name was made by an operator of Timbre's."""
    labels = live["metadata"].get("labels", {})
    return bool(labels.get("app.kubernetes.io/managed-by") == names.MANAGED_BY)


def same(live: Object, wanted: Object) -> bool:
    """Whether the ConfigMap says and belongs to what it shall."""

    def owners(obj: Object) -> set[str]:
        return {each["uid"] for each in obj["metadata"].get("ownerReferences", [])}

    return stored_routes(live) == stored_routes(wanted) and owners(live) == owners(wanted)


def _accepted(judged: Iterable[Judged]) -> list[VoiceProfile]:
    return [each.profile for each in judged if each.accepted and each.profile is not None]


def _name(engine: Object) -> str:
    return str(engine["metadata"]["name"])
