"""An engine of one's own, for as long as it is needed: `timbre-engine serve` on free ports of this machine."""

import os
import re
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final

import msgspec

from timbre_common import documents, names, voiceprofile
from timbre_common.documents import VoicesDocument
from timbre_common.errors import EngineUnavailable, InvalidInput, SetupError
from timbre_loras.chain import Programs
from timbre_loras.character import PROFILE
from timbre_loras.comparison.engine import Engine

_LISTENING: Final = re.compile(rb"listening on (http://\S+)")
_LOOPBACK: Final = ("--host=127.0.0.1", "--port=0", "--admin-host=127.0.0.1", "--admin-port=0")
_PATIENCE_S: Final = 600.0
"""A large model on a slow disk takes its time."""
_LOOK_EVERY_S: Final = 0.1


@contextmanager
def serving(model: Path, voices: VoicesDocument | None, loras: Sequence[str]) -> Iterator[Engine]:
    """An engine over a model directory that can speak, with these voices and those that `--lora name=path` makes.

    Raises EngineUnavailable with the last word of its log where it ends instead, SetupError where there is no engine.
    What it refuses is told with what it warned of last, such as why a voice is not loaded.
    """
    with TemporaryDirectory() as folder:
        log, document = Path(folder, "log"), Path(folder, "voices.json")
        own = [f"--lora={each}" for each in loras]
        if voices is not None:
            document.write_bytes(msgspec.json.encode(voices))
            own.append(f"--voices={document}")
        command = [str(Programs().engine), "serve", f"--model={model}", *_LOOPBACK, *own]
        environment = {**os.environ, names.ENV_ADMIN_TOKEN: secrets.token_urlsafe()}
        with log.open("wb") as written, _started(command, written, environment) as process:
            try:
                yield _ready(process, log)
            except InvalidInput as error:
                raise InvalidInput(f"{error}{_warning(log)}") from error
            finally:
                process.terminate()


def voices_of(folder: Path) -> VoicesDocument:
    """The voices of FOLDER/*/voiceprofile.yaml. Raises SetupError where there is none, InvalidInput with the file."""
    found = []
    for path in sorted(folder.glob(f"*/{PROFILE}")):
        try:
            found.append(voiceprofile.parse(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{path} cannot be read: {error}") from error
        except InvalidInput as error:
            raise InvalidInput(str(error), str(path)) from error
    if not found:
        raise SetupError(f"{folder} has no */{PROFILE}")
    return documents.voices_document(found, names.DEFAULT_ENGINE, 1)


def _started(command: list[str], log: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)  # noqa: S603
    except OSError as error:
        raise SetupError(f"{command[0]} cannot be run: {error.strerror}") from error


def _ready(process: subprocess.Popen[bytes], log: Path) -> Engine:
    deadline = time.monotonic() + _PATIENCE_S
    while process.poll() is None and time.monotonic() < deadline:
        if (found := _LISTENING.search(log.read_bytes())) and (engine := Engine(found[1].decode())).ready():
            return engine
        time.sleep(_LOOK_EVERY_S)
    raise EngineUnavailable(f"the engine does not begin to speak: {(_lines(log) or ['it says nothing'])[-1]}")


def _warning(log: Path) -> str:
    warnings = [line.partition(": ")[2] for line in _lines(log) if " WARNING " in line]
    return f" ({warnings[-1]})" if warnings else ""


def _lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
