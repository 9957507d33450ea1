"""The launcher's settings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from timbre_common.names import BRIDGE_PORT, DEFAULT_CHANNEL, ENGINE_ADMIN_PORT, ENGINE_PORT, REDIS_PORT

Quantisation = Literal["Q4_K_M", "Q4_0", "Q8_0", "F16", "F32"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that `timbre run` lets one choose; REDIS_URL comes from the environment: it may hold a password."""

    host: str = "127.0.0.1"
    """Address that listeners reach. Beyond loopback (0.0.0.0) HTTPS is served and a token demanded."""
    port: int = BRIDGE_PORT
    """Port that listeners reach."""
    voices: Path = Path("loras")
    """Folder with one folder an agent, each with a voiceprofile.yaml. A new one is a new agent, while this runs."""
    model: str | None = None
    """Speak with a Qwen3-TTS model: its name on the Hugging Face Hub (Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice, or
    name@revision), a folder with such a checkpoint, or a folder that timbre-engine convert made."""
    quant: Quantisation = "Q4_K_M"
    """How the weights of a model that has to be converted are stored."""
    adapters: Path | None = None
    """Folder that voices' adapter paths are relative to; without it the folder of the voices."""
    backend: str | None = None
    """The engine's backend; without it qwen3tts with a model, espeak without."""
    pace: str | None = None
    """Makes the engine as slow as a real model: rtf=0.9,first=250ms,stall=400ms@3s."""
    channel: str = DEFAULT_CHANNEL
    """Redis Pub/Sub channel that carries H-Link."""
    engine_port: int = ENGINE_PORT
    """The engine's port, on loopback."""
    engine_admin_port: int = ENGINE_ADMIN_PORT
    """The engine's administration port, on loopback."""
    redis_port: int = REDIS_PORT
    """The embedded Valkey's port, on loopback; unused where REDIS_URL is set."""
    token_secret_file: Path | None = None
    """File with the secret that signs listeners' tokens; beyond loopback one is made and kept where none is given."""
    cert: Path | None = None
    """Certificate chain (PEM), in place of one that an authority of this machine's own signs."""
    key: Path | None = None
    """Private key (PEM) of the certificate."""
    tls_terminated: Annotated[bool, Parameter(negative="")] = False
    """Something before the bridge ends TLS: serve plain HTTP beyond loopback."""
    allow_origin: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = ()
    """Origin of another page that may connect, as https://example.org."""
    allow_host: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = ()
    """Another name that the bridge answers to."""
    log_level: str = "warning"
    """What engine and bridge log: debug, info, warning or error."""
