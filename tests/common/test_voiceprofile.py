"""VoiceProfile YAML, and the documents made of it."""

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from timbre_common import documents, voiceprofile
from timbre_common.documents import Engine
from timbre_common.errors import InvalidInput
from timbre_common.voiceprofile import Prosody, Style

LORAS = Path(__file__).parents[2] / "loras"


def profile(**spec: Any) -> str:
    base = {"agentID": "lisa", "languages": ["fr"]}
    return yaml.safe_dump(
        {
            "apiVersion": "timbre.dev/v1alpha1",
            "kind": "VoiceProfile",
            "metadata": {"name": "lisa"},
            "spec": {**base, **spec},
        }
    )


def test_the_three_first_voices() -> None:
    profiles = [voiceprofile.parse(path.read_text()) for path in sorted(LORAS.glob("*/voiceprofile.yaml"))]
    names = {each.spec.agent_id: (each.display_name, each.spec.display.colour) for each in profiles}
    assert names["lisa"] == ("Lisa", "#27AE60")
    assert names["electra"] == ("Electra", "#2D7FF9")
    assert names["renarde"] == ("Renarde", "#D9480F")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"agentID": "Lisa"}, "spec.agentID"),
        ({"languages": []}, "spec.languages"),
        ({"languages": ["french!"]}, "spec.languages[0]"),
        ({"prosody": {"speed": 9}}, "spec.prosody.speed"),
        ({"prosody": {"sped": 1}}, "spec.prosody"),
        ({"prosody": {"styles": {"happy": {"gain": 99}}}}, "spec.prosody.styles[...].gain"),
        ({"adapter": {"path": "/etc/passwd"}}, "spec.adapter.path"),
        ({"adapter": {"path": "a/../../b"}}, "spec.adapter.path"),
        ({"adapter": {"path": "a.gguf", "digest": "sha256:short"}}, "spec.adapter.digest"),
        ({"reference": {"path": "../a.safetensors"}}, "spec.reference.path"),
        ({"reference": "a.safetensors"}, "spec.reference"),
        ({"blend": "lisa+renarde"}, "spec.blend"),
        ({"streamingText": "no"}, "spec.streamingText"),
        ({"display": {"colour": "red"}}, "spec.display.colour"),
        ({"blend": "lisa(1)", "speaker": "vivian"}, "spec"),
        ({"reference": {"path": "a.safetensors"}, "speaker": "vivian"}, "spec"),
        ({"voice": "x"}, "spec"),
    ],
)
def test_a_mistake_is_named(spec: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        voiceprofile.parse(profile(**spec))
    assert raised.value.field == field


@pytest.mark.parametrize("text", ["spec: {", "", "- 1", "a: &a [*a]", "!!python/object:os.system {}"])
def test_what_is_no_profile_is_invalid_input(text: str) -> None:
    with pytest.raises(InvalidInput):
        voiceprofile.parse(text)


def test_documents_hold_what_speaks() -> None:
    profiles = [
        voiceprofile.parse(profile()),
        voiceprofile.parse(profile(agentID="electra", engineRef={"name": "gpu"})),
        voiceprofile.parse(profile(agentID="renarde", suspend=True)),
    ]
    assert [voice.name for voice in documents.voices_document(profiles, "default", 1).voices] == ["lisa"]
    routes = documents.routes(profiles, [Engine("default", "http://a"), Engine("gpu", "http://b")])
    assert [(agent.agent_id, agent.engine) for agent in routes.agents] == [("electra", "gpu"), ("lisa", "default")]


@pytest.mark.parametrize(
    "own",
    [
        {"speaker": "vivian", "adapter": {"path": "a.gguf", "scale": 0.5}},
        {"reference": {"path": "a.safetensors", "digest": f"sha256:{'0' * 64}"}},
        {"blend": "lisa(0.7)+renarde(0.3)"},
    ],
)
def test_a_voice_has_what_its_profile_says_of_its_sound(own: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        **own,
        "streamingText": False,
        "sampling": {"topK": 3},
        "prosody": {"speed": 1.1},
    }
    (voice,) = documents.voices_document([voiceprofile.parse(profile(**fields))], "default", 1).voices
    encoded = msgspec.to_builtins(voice)
    assert {name: encoded[name] for name in fields} | {"prosody": {"speed": 1.1}} == fields


def test_a_voice_digest_tells_what_changed() -> None:
    def digest(text: str) -> str:
        return documents.voices_document([voiceprofile.parse(text)], "default", 1).voices[0].digest

    assert digest(profile()) == digest(profile(display={"colour": "#000000"}))
    assert digest(profile()) != digest(profile(prosody={"speed": 1.1}))


def test_a_voice_digest_is_over_the_same_bytes_in_every_version() -> None:
    """Operator and engine may be of two versions, and a voice is Ready where both count the same digest.

    So no field may move, and no default change: the bytes have what differs from the defaults, in this order.
    """
    source = {"http": {"url": "https://a.example/lisa.gguf"}, "digest": f"sha256:{'0' * 64}", "scale": 0.5}
    styles = {"sad": {"gain": -3}, "happy": {"speed": 1.1, "pitch": 1}}
    prosody = {"styles": styles, "pitch": -1.5, "speed": 1.25, "gain": 2}
    sampling = {"topP": 0.9, "topK": 20, "temperature": 0.7, "repetitionPenalty": 1.1}
    own = {"adapter": source, "sampling": sampling, "prosody": prosody, "streamingText": True}
    (voice,) = documents.voices_document([voiceprofile.parse(profile(**own))], "default", 1).voices
    canonical = (
        '{"name":"lisa","languages":["fr"],"adapter":{"http":{"url":"https://a.example/lisa.gguf"},'
        f'"digest":"sha256:{"0" * 64}","scale":0.5}},"streamingText":true,'
        '"sampling":{"temperature":0.7,"topK":20,"topP":0.9,"repetitionPenalty":1.1},'
        '"prosody":{"speed":1.25,"pitch":-1.5,"gain":2.0,'
        '"styles":{"happy":{"speed":1.1,"pitch":1.0},"sad":{"gain":-3.0}}}}'
    )
    assert voice.digest == f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def test_a_digest_is_a_voices_own_and_no_part_of_it() -> None:
    voice = documents.Voice(name="lisa", languages=["fr"])
    before = msgspec.json.encode(voice)
    other = msgspec.structs.replace(voice, speaker=voice.digest)
    assert other.digest != voice.digest
    assert msgspec.json.encode(voice) == before and voice == documents.Voice(name="lisa", languages=["fr"])


def test_styles_stay_within_the_bounds() -> None:
    prosody = Prosody(speed=1.9, pitch=-11, gain=0, styles={"glitch": Style(speed=2.0, pitch=-12, gain=3)})
    assert prosody.styled("glitch") == Prosody(speed=2.0, pitch=-12, gain=3)
    assert prosody.styled("neutral") == Prosody(speed=1.9, pitch=-11, gain=0)
