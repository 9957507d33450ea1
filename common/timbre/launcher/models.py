"""The model of a run: got from the Hub and converted where that has not been done yet, kept in the cache."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from timbre.launcher import model_source, plan, state
from timbre.launcher.model_source import Checkpoint, HubName, ModelDirectory
from timbre.launcher.plan import Process, Programs
from timbre.launcher.processes import Child, stop
from timbre.launcher.signals import Signals
from timbre_common.errors import SetupError
from timbre_common.names import MODEL_FILE

_UNDER_WAY: Final = ".converting-"
"""What begins the name of a folder in which a conversion is under way."""


class _Stopped(Exception):
    """A stop was asked for."""


def provide(named: str, quant: str, programs: Programs, signals: Signals) -> Path | None:
    """The model directory of what a person named; None where a stop was asked for on the way.

    Raises SetupError; SystemExit where a command that was run has said itself what is wrong.
    """
    source = model_source.identify(named)
    if isinstance(source, ModelDirectory):
        return source.path
    cache = state.cache()
    target = model_source.model_at(cache, source, quant)
    try:
        with _alone(cache):
            if not (target / MODEL_FILE).is_file():
                checkpoint = _pulled(cache, source, programs, signals) if isinstance(source, HubName) else source
                _convert(checkpoint, target, quant, programs, signals)
    except _Stopped:
        return None
    except OSError as error:
        raise SetupError(f"{cache}: {error.strerror or error}") from error
    return target


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """One run at a time makes something in the cache; another one would break what is half-made."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"another run prepares a model in {cache}: wait for it, or stop it") from None
        yield


def _pulled(cache: Path, source: HubName, programs: Programs, signals: Signals) -> Checkpoint:
    """The checkpoint, whole. One that is there whole is used without asking the Hub, which may be away."""
    directory = model_source.checkpoint_at(cache, source)
    pull = plan.pull(programs, str(source), directory)
    if directory.exists():
        _tell(f"verifying {directory}")
        verify = Process(pull.name, pull.command, {"HF_HUB_OFFLINE": "1"})
        if _run(verify, signals, stderr=subprocess.DEVNULL) == 0:
            return Checkpoint(directory)
    _tell(f"{source} is no folder here: getting it from the Hugging Face Hub, once, into {directory}")
    _require(pull, signals)
    return Checkpoint(directory)


def _convert(checkpoint: Checkpoint, target: Path, quant: str, programs: Programs, signals: Signals) -> None:
    """Make `target`, whole or not at all, and clear away what a conversion that was killed left behind."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f"{_UNDER_WAY}*"):
        shutil.rmtree(left, ignore_errors=True)
    _tell(f"converting {checkpoint.path} to {quant}, once, into {target}")
    with tempfile.TemporaryDirectory(prefix=_UNDER_WAY, dir=target.parent, ignore_cleanup_errors=True) as work:
        made = Path(work) / target.name
        _require(plan.convert(programs, checkpoint.path, made, quant), signals)
        made.replace(target)


def _require(process: Process, signals: Signals) -> None:
    code = _run(process, signals)
    if code == 1:
        raise SystemExit(1)  # it has said why in a line of its own
    if code:
        raise SetupError(f"the {process.name} ended {_how(code)}; see above")


def _how(code: int) -> str:
    return f"by signal {-code} (where it is 9, memory may be short)" if code < 0 else f"with exit code {code}"


def _run(process: Process, signals: Signals, stderr: int | None = None) -> int:
    """Run a process to its end, its progress shown; its exit code. Raises _Stopped, the process gone by then."""
    child = Child(process)
    child.start(stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        while not signals.stops:
            if (code := child.ended()) is not None:
                return code
            signals.wait(0.5)
        raise _Stopped
    finally:
        stop(child, signals)


def _tell(note: str) -> None:
    sys.stderr.write(f"timbre: {note}\n")
    sys.stderr.flush()
