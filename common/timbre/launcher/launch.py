"""The launcher's shell: prepares a run, keeps its processes up and its voices current, and stops them."""

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from timbre.launcher import banner, certificates, files, models, network, plan, redis_check, state
from timbre.launcher.certificates import Certificate
from timbre.launcher.http import Administration, healthy, well
from timbre.launcher.loading import Loading
from timbre.launcher.plan import Process, Programs, Run
from timbre.launcher.processes import Child, stop
from timbre.launcher.settings import Settings
from timbre.launcher.signals import Signals, own_terminal
from timbre.launcher.supervision import MAX_DEATHS, Deaths
from timbre.launcher.voices import Voices
from timbre_common import documents, tokens
from timbre_common.documents import Engine
from timbre_common.errors import SetupError
from timbre_common.hosts import is_loopback
from timbre_common.names import DEFAULT_ENGINE, ENV_REDIS_URL
from timbre_common.tokens import Grant

START_TIMEOUT: Final = 60.0
"""Seconds for all to be up."""
TICK: Final = 0.5
"""Seconds between two looks at the voices folder; a change counts after two of them."""


def run(settings: Settings, programs: Programs | None = None) -> None:
    """Run until Ctrl-C or SIGTERM, which is a clean end. Raises SetupError, InvalidInput: one line each."""
    plan.check(settings)
    with (
        own_terminal(),
        Signals() as signals,
        tempfile.TemporaryDirectory(prefix="timbre-", ignore_cleanup_errors=True) as directory,
    ):
        voices = Voices(present=files.below(settings.adapters or settings.voices))
        voices.load(files.require_some(settings.voices), files.read)
        prepared = prepare(settings, Path(directory), programs or Programs())
        if settings.model is not None:
            # Last, since it may take long: whatever else is wrong has been said by now.
            model = models.provide(settings.model, settings.quant, prepared.programs, signals)
            if model is None:
                return
            prepared = replace(prepared, model=model)
        launcher = Launcher(prepared, voices, signals)
        with launcher.running():
            launcher.start()
            launcher.keep()


def prepare(settings: Settings, directory: Path, programs: Programs) -> Run:
    """Check what has to be there, and make what is missing. Raises SetupError."""
    redis_url = os.environ.get(ENV_REDIS_URL) or None
    if redis_url:
        redis_check.require(redis_url)
    for host, port, what, option in plan.ports(settings, embedded_redis=redis_url is None):
        network.require_free(host, port, what, option)
    public = not is_loopback(settings.host)
    reachable_as = (*network.addresses(), *network.names()) if public else ()
    return Run(
        settings=settings,
        directory=directory,
        admin_token=secrets.token_urlsafe(32),
        redis_url=redis_url,
        secret_file=settings.token_secret_file or (state.secret() if public else None),
        certificate=_certificate(settings, directory, public),
        reachable_as=reachable_as,
        programs=programs,
    )


def _certificate(settings: Settings, directory: Path, public: bool) -> Certificate | None:
    if settings.cert and settings.key:
        return Certificate(settings.cert, settings.key)
    if not public or settings.tls_terminated:
        return None
    return certificates.issue(directory, settings.allow_host)


class Launcher:
    """One run's processes and documents."""

    def __init__(self, run: Run, voices: Voices, signals: Signals) -> None:
        self._run = run
        self._voices = voices
        self._signals = signals
        self._generation = 0
        self._children: list[Child] = []
        self._deaths: dict[str, Deaths] = {}
        self._loading = Loading(Administration(run.admin_url, run.admin_token))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Whatever happens inside, no process is left behind; the last started is stopped first."""
        try:
            yield
        finally:
            for child in reversed(self._children):
                stop(child, self._signals)

    def start(self) -> None:
        """Start all, and return when all are up, or a stop was asked for. Raises SetupError."""
        run = self._run
        self._want()
        if run.redis_url is None:
            self._start(plan.valkey(run, redis_check.embedded_binary()))
            self._await("Valkey", lambda: redis_check.answers(run.bus_url))
        self._start(plan.engine(run))
        self._start(plan.bridge(run))
        if run.model:
            self._tell([f"the engine loads {run.model}, which may take a while"])
        # A model loads as long as it loads, from whatever disk: the engine says itself where that fails.
        within = None if run.model else START_TIMEOUT
        self._await("engine", lambda: healthy(f"{run.engine_url}/health"), within)
        self._await("voices", self._voices_settled)
        self._await("bridge", lambda: well(f"{run.local_url}/healthz"))
        if not self._signals.stops:
            self._greet()

    def keep(self) -> None:
        """Keep all as it shall be until a stop is asked for. Raises SetupError where a process keeps ending."""
        looked = time.monotonic()
        while not self._signals.stops:
            self._signals.wait(min(TICK, self._next_restart()))
            self._restart(time.monotonic())
            if time.monotonic() - looked >= TICK:
                looked = time.monotonic()
                self._look()
                self._tell(self._loading.step())

    def _start(self, process: Process) -> None:
        child = Child(process)
        child.start()
        self._children.append(child)
        self._deaths[process.name] = Deaths()

    def _await(self, what: str, ready: Callable[[], bool], within: float | None = START_TIMEOUT) -> None:
        deadline = None if within is None else time.monotonic() + within
        while not self._signals.stops and not ready():
            for child in self._children:
                if (code := child.ended()) is not None:
                    raise SetupError(f"the {child.process.name} ended at its start (exit code {code}); see above")
            if deadline is not None and time.monotonic() > deadline:
                raise SetupError(f"the {what}: not ready within {within:.0f} s; see --log-level info")
            self._signals.wait(0.05)

    def _voices_settled(self) -> bool:
        self._tell(self._loading.step())
        return self._loading.settled

    def _look(self) -> None:
        change = self._voices.update(files.look(self._run.settings.voices), files.read)
        self._tell(change.notes)
        if change.changed:
            self._want()

    def _want(self) -> None:
        """Hand the profiles on: to the engine as voices, to the bridge as routes."""
        profiles = list(self._voices.profiles.values())
        self._generation = max(self._generation + 1, time.time_ns() // 1_000_000)
        self._loading.want(documents.voices_document(profiles, DEFAULT_ENGINE, self._generation))
        engine = Engine(DEFAULT_ENGINE, self._run.engine_url)
        if self._children:
            # The engine first, so that the bridge never asks it for a voice that it does not have yet.
            self._tell(self._loading.step())
        files.write_routes(self._run.routes, documents.routes(profiles, [engine]))

    def _restart(self, now: float) -> None:
        for child in self._children:
            name = child.process.name
            deaths = self._deaths[name]
            code = child.ended()
            if code is not None and deaths.restart_at is None:
                child.kill()
                if not deaths.died(now):
                    raise SetupError(f"the {name} ended more than {MAX_DEATHS} times within a minute; see above")
                self._tell([f"the {name} ended (exit code {code}); starting it again"])
            if deaths.due(now):
                child.start()
                if name == "engine":
                    self._loading.restart()

    def _next_restart(self) -> float:
        now = time.monotonic()
        return min((deaths.restart_at - now for deaths in self._deaths.values() if deaths.restart_at), default=TICK)

    def _greet(self) -> None:
        run = self._run
        profiles = [each for each in self._voices.profiles.values() if each.spec.agent_id not in self._loading.failed]
        print(banner.ready(run, profiles, sys.argv[0], os.environ))
        if run.public and run.secret_file and not run.settings.tls_terminated:
            grant = Grant(may_speak=True, expires_at=time.time() + banner.LINK_HOURS * 3600)
            token = tokens.sign(grant, run.secret_file.read_bytes().strip())
            print("\n" + banner.invitation(run, self._reached_as(), token))
        sys.stdout.flush()

    def _reached_as(self) -> str:
        """The name for the link: a given certificate is made out to a name, our own to every address."""
        settings = self._run.settings
        if settings.cert and settings.allow_host:
            return settings.allow_host[0]
        address = network.primary_address() if settings.host in network.ANY else settings.host
        return address or network.names()[0]

    def _tell(self, notes: Iterable[str]) -> None:
        for note in notes:
            sys.stderr.write(f"timbre: {note}\n")
