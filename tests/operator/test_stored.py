"""Objects of a schema that is newer than the operator."""

from typing import Any

import pytest

from timbre_common.errors import InvalidInput
from timbre_common.voiceprofile import VoiceProfile
from timbre_operator.resources import speechengine, stored

NEWER = {"unheard": {"of": [1]}}


def profile(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "lisa", "managedFields": [], "resourceVersion": "1"}
    return {
        "apiVersion": "timbre.dev/v1alpha1",
        "kind": "VoiceProfile",
        "metadata": metadata,
        "spec": {"agentID": "lisa", "languages": ["fr"], **spec},
    }


def test_fields_of_a_newer_schema_are_left_out() -> None:
    older = profile(adapter={"path": "a"}, prosody={"styles": {"happy": {"gain": 1}}})
    newer = profile(
        adapter={"path": "a", **NEWER}, prosody={"styles": {"happy": {"gain": 1, **NEWER}}, **NEWER}, **NEWER
    )
    assert stored.convert({**newer, **NEWER}, VoiceProfile) == stored.convert(older, VoiceProfile)


def test_an_engine_too_and_what_is_kubernetes_own_is_kept() -> None:
    affinity = {"nodeAffinity": {"anything": [{"goes": True}]}}
    spec = {"backend": "espeak", "affinity": affinity, "env": [{"name": "A", "value": "b", **NEWER}], **NEWER}
    value = {"apiVersion": "timbre.dev/v1alpha1", "kind": "SpeechEngine", "metadata": {"name": "a"}, "spec": spec}
    engine = speechengine.parse(value)
    assert (engine.spec.affinity, engine.spec.env[0].value) == (affinity, "b")


@pytest.mark.parametrize("value", [None, [], "text", {"spec": []}, profile(agentID="Lisa"), profile(languages="fr")])
def test_what_is_wrong_stays_wrong(value: Any) -> None:
    with pytest.raises(InvalidInput):
        stored.convert(value, VoiceProfile)
