"""The voices document of an engine, its generation, and the ConfigMaps that hold it: pure."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from timbre_common import documents, shards
from timbre_common.documents import VoicesDocument
from timbre_common.errors import InvalidInput, TooLarge
from timbre_common.voiceprofile import VoiceProfile
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.kube.resource import CONFIG_MAPS
from timbre_operator.manifests import meta
from timbre_operator.resources.speechengine import SpeechEngine
from timbre_operator.voices.accepted import Judged
from timbre_operator.voices.reasons import VoiceReason

_MOST_VOICES: Final = 10_000
_SURELY: Final = shards.MOST * shards.LIMIT // 2
"""Bytes of a document that fits, however badly it is compressed."""


class Next(NamedTuple):
    """The document that shall be, and whether it is another than the stored one."""

    document: VoicesDocument
    changed: bool


def next_document(
    profiles: Iterable[VoiceProfile], engine: str, stored: VoicesDocument | None, newest: Iterable[int]
) -> Next:
    """The document of an engine's accepted profiles. newest: for each pod, the generation that it would not take again.

    Other voices have a higher generation. So have the same voices where a pod follows a higher one than is stored, or
    other voices of the same, such as after the ConfigMaps were lost: a pod ignores what is not higher.
    """
    highest = max(newest, default=0)
    floor = 0 if stored is None else stored.generation
    made = documents.voices_document(profiles, engine, floor)
    if stored is not None and made.voices == stored.voices and highest <= floor:
        return Next(stored, False)
    return Next(VoicesDocument(generation=max(highest, floor) + 1, voices=made.voices), True)


def spoken(judged: Iterable[Judged], engine: str) -> list[VoiceProfile]:
    """The profiles that an engine speaks."""
    return [each.profile for each in judged if each.accepted and each.profile is not None and each.engine == engine]


def within_room(judged: Sequence[Judged], engine: str) -> list[Judged]:
    """The same, oldest first, but that an engine's profiles past what its ConfigMaps hold are not accepted."""
    profiles = spoken(judged, engine)
    kept = {profile.metadata.name for profile in profiles[: _room(profiles, engine)]}
    if len(kept) == len(profiles):
        return list(judged)
    full = f"the engine's {len(kept)} older profiles fill what ConfigMaps hold of its voices"
    return [
        replace(each, reason=VoiceReason.ENGINE_FULL, message=full)
        if each.accepted and each.engine == engine and each.obj["metadata"]["name"] not in kept
        else each
        for each in judged
    ]


def _room(profiles: Sequence[VoiceProfile], engine: str) -> int:
    """How many of the profiles fit."""
    count = min(len(profiles), _MOST_VOICES)
    while count:
        made = documents.voices_document(profiles[:count], engine, 0)
        if len(msgspec.json.encode(made)) <= _SURELY:
            break
        try:
            shards.split(made)
        except TooLarge:
            count = count * 9 // 10
        else:
            break
    return count


def stored_document(maps: Mapping[str, Object], engine: str) -> VoicesDocument | None:
    """The document in an engine's ConfigMaps, by name; None where it is not there, torn or damaged."""
    parts = []
    try:
        for index in range(shards.MOST):
            held = maps.get(names.voices_part(engine, index), {}).get("binaryData", {}).get(shards.KEY)
            if held is not None:
                parts.append(base64.b64decode(held, validate=True))
        return shards.join(parts)
    except (InvalidInput, binascii.Error):
        return None


def config_maps(engine: SpeechEngine, document: VoicesDocument) -> list[Object]:
    """The ConfigMaps that hold the document. Raises TooLarge."""
    return [
        meta.obj(
            engine,
            CONFIG_MAPS,
            names.voices_part(engine.metadata.name, index),
            binaryData={shards.KEY: base64.b64encode(part).decode()},
        )
        for index, part in enumerate(shards.split(document))
    ]
