"""The bridge's settings."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeFloat, NonNegativeInt, Port, PositiveFloat, PositiveInt

from timbre_common.names import BRIDGE_PORT, DEFAULT_CHANNEL


class FloorPolicy(StrEnum):
    """Who may speak in a room: one after the other, the newest instead of the others, or all at once."""

    QUEUE = "queue"
    REPLACE = "replace"
    MIX = "mix"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every field is a flag, and an environment variable TIMBRE_BRIDGE_<FIELD>.

    REDIS_URL comes from the environment alone, since it may hold a password.
    """

    routes: Path | None = None
    """Routes document (JSON): which engine serves which agent. Read again when it changes."""
    routes_configmap: str | None = None
    """ConfigMap of the pod's own namespace that holds it, in place of a file: the operator's is timbre-routes."""
    default_voice: str = "default"
    """Agent whose voice speaks for agents that the routes do not name; nobody does where it has none itself."""
    host: str = "127.0.0.1"
    """Address to listen on. Beyond loopback a token and TLS (or --tls-terminated) are demanded."""
    port: Port = BRIDGE_PORT
    """Port to listen on; 0: any free one."""
    channel: str = DEFAULT_CHANNEL
    """Redis Pub/Sub channel that carries H-Link."""

    token_secret_file: Path | None = None
    """File with the secret (at least 32 bytes) that signs listeners' tokens (HS256)."""
    jwks: Path | None = None
    """File with a key set (JWKS) that verifies listeners' tokens instead."""
    cert: Path | None = None
    """Certificate chain (PEM) for HTTPS."""
    key: Path | None = None
    """Private key (PEM) of the certificate."""
    tls_terminated: Annotated[bool, Parameter(negative=())] = False
    """Something before the bridge ends TLS (an Ingress)."""
    allow_origin: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    """Origins of other pages that may connect, e.g. https://example.org. The bridge's own is always allowed."""
    allow_host: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    """Host names that the bridge answers to, beside localhost and the address it listens on."""

    floor: FloorPolicy = FloorPolicy.QUEUE
    """Who may speak in a room at a time."""
    waiting_per_agent: PositiveInt = 32
    """Utterances of one agent that may wait in a room (with `mix`: speak); more are refused with tts_error."""
    max_wait: PositiveFloat = 60.0
    """Seconds that an utterance waits for the floor, or for an engine, before it expires."""
    speak_to_agents: Annotated[bool, Parameter(negative=())] = False
    """Also speak what is addressed to an agent or to `system`."""
    chunk_silence: PositiveFloat = 1.5
    """Seconds without a piece that close an utterance."""
    reorder_wait: NonNegativeFloat = 0.3
    """Seconds to wait for a missing piece before the later ones are spoken."""
    max_chars: PositiveInt = 20_000
    """Characters that one utterance holds; what exceeds it is not spoken, and tts_error says so."""

    ahead: PositiveFloat = 10.0
    """Seconds of audio sent ahead of what a listener has played."""
    keep: NonNegativeFloat = 30.0
    """Seconds that an utterance can be resumed after its last sample was due."""
    keep_bytes: PositiveInt = 256 << 20
    """Bytes of audio kept for resuming; past it the oldest finished utterances go first."""
    max_lag: PositiveFloat = 5.0
    """Seconds that a listener may lag behind what it could have been sent before it is dropped."""
    client_bytes: PositiveInt = 256 << 10
    """Bytes of control messages and unsent audio in a listener's queue before it is dropped."""
    max_listeners: PositiveInt = 5_000
    """Connections at a time; more are answered 503."""
    speak_per_minute: PositiveInt = 30
    """`text.speak` messages that one connection may send a minute."""

    history: NonNegativeInt = 100
    """Utterances kept per room, text and sound, to be heard again; 0: none. Text is personal data."""
    history_keep: PositiveFloat = 3_600.0
    """Seconds after which the history forgets an utterance."""
    history_bytes: PositiveInt = 256 << 20
    """Bytes of sound in the history, all rooms together; past it the room longest silent loses its oldest first."""

    metrics_agents: NonNegativeInt = 32
    """Agents whose time to first byte is told apart in the metrics; those that speak after them share `other`."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged, on standard error. Texts and tokens never are."""
