"""What is to run, as data: processes with their arguments, addresses, and what a person is told."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from timbre.launcher import network
from timbre.launcher.certificates import Certificate
from timbre.launcher.settings import Settings
from timbre_common.errors import SetupError
from timbre_common.hosts import is_loopback
from timbre_common.names import ENV_ADMIN_TOKEN, ENV_REDIS_URL

LOOPBACK = "127.0.0.1"
MODEL_BACKEND = "qwen3tts"
"""The engine's backend that speaks with a model."""


@dataclass(frozen=True)
class Process:
    """A process to keep. Secrets are in `environment`, which others cannot read, never in `command`, which they can."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Programs:
    """The commands that start the parts."""

    engine: tuple[str, ...] = (str(Path(sys.executable).with_name("timbre-engine")),)
    bridge: tuple[str, ...] = (str(Path(sys.executable).with_name("timbre-bridge")),)


@dataclass(frozen=True)
class Run:
    """One run: the settings, and what was made for it."""

    settings: Settings
    directory: Path
    """A private folder that goes with the run."""
    admin_token: str = field(repr=False)
    redis_url: str | None = field(default=None, repr=False)
    """The Redis that was named; None: an embedded one."""
    secret_file: Path | None = None
    certificate: Certificate | None = None
    reachable_as: tuple[str, ...] = ()
    """Names and addresses by which other machines reach this one."""
    programs: Programs = Programs()
    model: Path | None = None
    """The model directory that the engine speaks with; None: it needs none."""

    @property
    def bus_url(self) -> str:
        """The Redis that is used."""
        return self.redis_url or f"redis://{LOOPBACK}:{self.settings.redis_port}"

    @property
    def routes(self) -> Path:
        """The routes document."""
        return self.directory / "routes.json"

    @property
    def engine_url(self) -> str:
        """Where the engine speaks."""
        return f"http://{LOOPBACK}:{self.settings.engine_port}"

    @property
    def admin_url(self) -> str:
        """Where the engine is told its voices."""
        return f"http://{LOOPBACK}:{self.settings.engine_admin_port}/admin/voices"

    @property
    def public(self) -> bool:
        """Whether other machines reach the bridge."""
        return not is_loopback(self.settings.host)

    def bridge_url(self, host: str) -> str:
        """The bridge's address by the name `host`."""
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self.certificate else 'http'}://{name}:{self.settings.port}"

    @property
    def local_url(self) -> str:
        """The bridge's address on this machine."""
        return self.bridge_url(LOOPBACK if self.settings.host in network.ANY else self.settings.host)


def check(settings: Settings) -> None:
    """Raises SetupError for settings that do not go together."""
    if (settings.cert is None) != (settings.key is None):
        raise SetupError("--cert and --key go together")
    if settings.tls_terminated and settings.cert is not None:
        raise SetupError("--tls-terminated and --cert exclude each other")
    if settings.backend == MODEL_BACKEND and settings.model is None:
        raise SetupError(f"--backend {MODEL_BACKEND} speaks with a model: name it by --model (make run MODEL=…)")
    if settings.backend not in (None, MODEL_BACKEND) and settings.model is not None:
        raise SetupError(f"--backend {settings.backend} speaks without a model: leave --model or --backend out")


def ports(settings: Settings, *, embedded_redis: bool) -> list[tuple[str, int, str, str]]:
    """The ports that have to be free: (host, port, what for, option)."""
    needed = [
        (settings.host, settings.port, "bridge", "--port (make run PORT=…)"),
        (LOOPBACK, settings.engine_port, "engine", "--engine-port"),
        (LOOPBACK, settings.engine_admin_port, "engine's administration", "--engine-admin-port"),
    ]
    if embedded_redis:
        needed.append((LOOPBACK, settings.redis_port, "embedded Valkey", "--redis-port, or name a Redis by REDIS_URL"))
    return needed


def valkey(run: Run, binary: Path) -> Process:
    """The embedded Redis-protocol server: in memory, on loopback."""
    options = {
        "bind": LOOPBACK,
        "port": str(run.settings.redis_port),
        "dir": str(run.directory),
        "save": "",
        "appendonly": "no",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": "valkey.log",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Process("Valkey", (str(binary), *arguments))


def engine(run: Run) -> Process:
    """The engine."""
    settings = run.settings
    backend = settings.backend or (MODEL_BACKEND if run.model else "espeak")
    command = [*run.programs.engine, "serve", "--backend", backend, "--host", LOOPBACK]
    command += ["--port", str(settings.engine_port), "--admin-port", str(settings.engine_admin_port)]
    command += ["--log-level", settings.log_level]
    if run.model:
        command += ["--model", str(run.model), "--adapters", str(settings.adapters or settings.voices)]
    if settings.pace:
        command += ["--pace", settings.pace]
    return Process("engine", tuple(command), {ENV_ADMIN_TOKEN: run.admin_token})


def pull(programs: Programs, name: str, directory: Path) -> Process:
    """Gets a checkpoint from the Hub; again, it takes up where it stopped."""
    return Process("download", (*programs.engine, "pull", name, str(directory)))


def convert(programs: Programs, checkpoint: Path, directory: Path, quant: str) -> Process:
    """Makes a model directory of a checkpoint."""
    return Process("conversion", (*programs.engine, "convert", str(checkpoint), str(directory), "--quant", quant))


def bridge(run: Run) -> Process:
    """The bridge."""
    settings = run.settings
    command = [*run.programs.bridge, "serve", "--host", settings.host or "0.0.0.0", "--port", str(settings.port)]  # noqa: S104
    command += ["--routes", str(run.routes), "--channel", settings.channel, "--log-level", settings.log_level]
    if run.secret_file:
        command += ["--token-secret-file", str(run.secret_file)]
    if run.certificate:
        command += ["--cert", str(run.certificate.cert), "--key", str(run.certificate.key)]
    if settings.tls_terminated:
        command.append("--tls-terminated")
    for origin in settings.allow_origin:
        command += ["--allow-origin", origin]
    for host in (*run.reachable_as, *settings.allow_host):
        command += ["--allow-host", host]
    return Process("bridge", tuple(command), {ENV_REDIS_URL: run.bus_url})
