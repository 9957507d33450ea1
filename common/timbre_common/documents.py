"""The two documents made of VoiceProfiles: the voices an engine shall hold, and the routes that a bridge follows."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from timbre_common import decoding
from timbre_common.protocol import AgentInfo
from timbre_common.voiceprofile import Adapter, Blend, Label, Prosody, Reference, Sampling, VoiceProfile


class Voice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, dict=True):
    """One voice as an engine needs it; its name is the agent's id.

    What is as by default is left out, so that an older engine is told only of what a voice uses.
    """

    name: Label
    languages: list[str]
    speaker: str | None = None
    adapter: Adapter | None = None
    reference: Reference | None = None
    """Whose voice it is, in place of a speaker."""
    blend: Blend | None = None
    """Voices whose adapters and speakers it mixes, in place of its own."""
    streaming_text: bool | None = msgspec.field(default=None, name="streamingText")
    """Whether speech begins with the first words, or a run's whole text stands before it; None: as the adapter was
    trained, else the former."""
    sampling: Sampling = Sampling()
    prosody: Prosody = Prosody()

    @cached_property
    def digest(self) -> str:
        """`sha256:…` over the voice's content: the same voice has the same digest everywhere."""
        canonical = msgspec.json.encode(self, order="deterministic")
        return f"sha256:{hashlib.sha256(canonical).hexdigest()}"


class VoicesDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All voices that an engine shall hold. A document of a lower generation than the engine's is ignored."""

    generation: Annotated[int, msgspec.Meta(ge=0)]
    voices: Annotated[list[Voice], msgspec.Meta(max_length=10_000)]


class VoiceState(StrEnum):
    """What became of a listed voice."""

    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


class VoiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One voice as the engine lists it. `reason` says why it failed, or what was not applied; `code` says why it failed
    in a word that programs read, such as `file_missing`."""

    digest: str
    generation: int
    state: VoiceState
    reason: str = ""
    code: str = ""


class VoicesStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `GET` and `PUT /admin/voices`."""

    generation: int
    voices: dict[str, VoiceStatus]


class Engine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an engine answers."""

    name: str
    url: str

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into InvalidInput at this field."""
        parts = urlsplit(self.url)
        host = (parts.hostname or "").encode("idna")
        if parts.scheme not in ("http", "https") or not host or parts.port == 0:
            raise ValueError(f"a URL such as http://engine:8770 is right, not {self.url!r}")


class Agent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which engine and voice speak for an agent, and how the page shows it."""

    agent_id: Label
    engine: str
    voice: str
    name: str
    colour: str
    languages: list[str]
    lexicon: dict[str, str] = {}

    def info(self) -> AgentInfo:
        """What listeners are told."""
        return AgentInfo(self.agent_id, self.name, self.colour, self.languages)


class Routes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which engine serves which agent."""

    engines: list[Engine] = []
    agents: list[Agent] = []


def voices_document(profiles: Iterable[VoiceProfile], engine: str, generation: int) -> VoicesDocument:
    """The voices that `engine` shall hold: its profiles that are not suspended, by name."""
    voices = [
        Voice(
            name=profile.spec.agent_id,
            languages=profile.spec.languages,
            speaker=profile.spec.speaker,
            adapter=profile.spec.adapter,
            reference=profile.spec.reference,
            blend=profile.spec.blend,
            streaming_text=profile.spec.streaming_text,
            sampling=profile.spec.sampling,
            prosody=profile.spec.prosody,
        )
        for profile in profiles
        if profile.spec.engine_ref.name == engine and not profile.spec.suspend
    ]
    return VoicesDocument(generation=generation, voices=sorted(voices, key=lambda voice: voice.name))


def routes(profiles: Iterable[VoiceProfile], engines: list[Engine]) -> Routes:
    """The routes of all profiles whose engine is among `engines`."""
    known = {engine.name for engine in engines}
    agents = [
        Agent(
            agent_id=profile.spec.agent_id,
            engine=profile.spec.engine_ref.name,
            voice=profile.spec.agent_id,
            name=profile.display_name,
            colour=profile.spec.display.colour,
            languages=profile.spec.languages,
            lexicon=profile.spec.lexicon,
        )
        for profile in profiles
        if profile.spec.engine_ref.name in known and not profile.spec.suspend
    ]
    return Routes(engines=engines, agents=sorted(agents, key=lambda agent: agent.agent_id))


def parse_voices(data: bytes | str) -> VoicesDocument:
    """A voices document in JSON. Raises InvalidInput that names the field."""
    return decoding.from_json(data, VoicesDocument)


def parse_routes(data: bytes | str) -> Routes:
    """A routes document in JSON. Raises InvalidInput that names the field."""
    return decoding.from_json(data, Routes)
