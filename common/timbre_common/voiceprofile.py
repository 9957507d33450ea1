"""VoiceProfile: how one agent sounds, as `kubectl apply` takes it and as `make run` reads it."""

from typing import Annotated, Any, Final

import msgspec

from timbre_common import blends, decoding
from timbre_common.errors import InvalidInput
from timbre_common.names import API_VERSION, DEFAULT_ENGINE
from timbre_common.sources import Part, Sourced

KIND: Final = "VoiceProfile"

Label = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9_]{0,61}[a-z0-9])?$")]
EngineName = Annotated[str, msgspec.Meta(pattern=r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$")]
"""At most 40 characters, so that the names derived from it fit."""
ResourceName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
Tag = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=64)]
"""A BCP 47 language tag."""
Blend = Annotated[str, msgspec.Meta(pattern=blends.PATTERN)]
"""Other voices of the same engine and their weights, such as `lisa(0.7)+renarde(0.3)`."""
Emotion = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Factor = Annotated[float, msgspec.Meta(ge=0.5, le=2.0)]
Semitones = Annotated[float, msgspec.Meta(ge=-12, le=12)]
Decibels = Annotated[float, msgspec.Meta(ge=-24, le=12)]


class Style(Part, frozen=True):
    """What an emotion changes: `speed` multiplies, `pitch` (semitones) and `gain` (dB) add."""

    speed: Factor = 1.0
    pitch: Semitones = 0.0
    gain: Decibels = 0.0


class Prosody(Part, frozen=True):
    """How the voice moves: speed (factor), pitch (semitones), gain (dB), a style per emotion.

    `variant` names an espeak-ng voice variant for the demonstration backend; other backends do not read it.
    """

    speed: Factor = 1.0
    pitch: Semitones = 0.0
    gain: Decibels = 0.0
    variant: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]{1,32}$")] | None = None
    styles: Annotated[dict[Emotion, Style], msgspec.Meta(max_length=32)] = {}

    def styled(self, emotion: str) -> "Prosody":
        """This prosody with the emotion's style applied, within the bounds."""
        style = self.styles.get(emotion, Style())
        return Prosody(
            speed=min(2.0, max(0.5, self.speed * style.speed)),
            pitch=min(12.0, max(-12.0, self.pitch + style.pitch)),
            gain=min(12.0, max(-24.0, self.gain + style.gain)),
            variant=self.variant,
        )


class Sampling(Part, frozen=True):
    """Sampling settings of the talker; None: the model's own. Temperature 0 takes chance out of every code."""

    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0, le=3072)] | None = None
    top_p: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    repetition_penalty: Annotated[float, msgspec.Meta(ge=1, le=2)] | None = None


class Adapter(Sourced, frozen=True):
    """A LoRA adapter, GGUF."""

    suffix = ".gguf"

    scale: Annotated[float, msgspec.Meta(ge=0, le=4)] = 1.0


class Reference(Sourced, frozen=True):
    """A voice file: safetensors with what was heard in a recording."""

    suffix = ".safetensors"


class EngineRef(Part, frozen=True):
    """The SpeechEngine of the same namespace that speaks this voice."""

    name: EngineName = DEFAULT_ENGINE


class Display(Part, frozen=True):
    """How the page shows the agent."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    colour: Annotated[str, msgspec.Meta(pattern=r"^#[0-9A-Fa-f]{6}$")] = "#888888"


class Spec(Part, frozen=True, kw_only=True):
    """What the user asks for."""

    agent_id: Label = msgspec.field(name="agentID")
    engine_ref: EngineRef = EngineRef()
    languages: Annotated[list[Tag], msgspec.Meta(min_length=1, max_length=32)]
    speaker: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    adapter: Adapter | None = None
    reference: Reference | None = None
    blend: Blend | None = None
    streaming_text: bool | None = None
    sampling: Sampling = Sampling()
    prosody: Prosody = Prosody()
    lexicon: Annotated[
        dict[
            Annotated[str, msgspec.Meta(min_length=1, max_length=64)],
            Annotated[str, msgspec.Meta(min_length=1, max_length=256)],
        ],
        msgspec.Meta(max_length=1024),
    ] = {}
    display: Display = Display()
    suspend: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into InvalidInput at this field."""
        if self.blend is not None:
            for name in ("speaker", "adapter", "reference"):
                if getattr(self, name) is not None:
                    raise ValueError(f"a blend has the {name}s of its voices: leave {name} out")
        if self.reference is not None and self.speaker is not None:
            raise ValueError("a reference takes the speaker's place: leave one of the two out")


class ObjectMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The part of Kubernetes' metadata that Timbre reads; what the API server fills in is "" or 0 in a file."""

    name: ResourceName
    namespace: str | None = None
    uid: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class VoiceProfile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The resource."""

    api_version: str
    kind: str
    metadata: ObjectMeta
    spec: Spec
    status: dict[str, Any] = {}

    @property
    def display_name(self) -> str:
        """The agent's name for people."""
        return self.spec.display.name or self.spec.agent_id.capitalize()


def parse(text: str) -> VoiceProfile:
    """The VoiceProfile in a YAML document. Raises InvalidInput that names the field."""
    profile = decoding.from_yaml(text, VoiceProfile)
    if profile.api_version != API_VERSION:
        raise InvalidInput(f"{API_VERSION} is right, not {profile.api_version!r}", "apiVersion")
    if profile.kind != KIND:
        raise InvalidInput(f"{KIND} is right, not {profile.kind!r}", "kind")
    return profile
