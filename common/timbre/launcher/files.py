"""The launcher's files: voice profiles that are read, and the routes document that is written."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from timbre.launcher import state
from timbre.launcher.voices import Stamp
from timbre_common.documents import Routes
from timbre_common.errors import SetupError


def look(folder: Path) -> dict[str, Stamp]:
    """The profiles below `folder` with their stamps."""
    found = {}
    for path in folder.glob("*/voiceprofile.yaml"):
        try:
            status = path.stat()
        except OSError:
            continue
        found[str(path)] = (status.st_mtime_ns, status.st_size)
    return found


def require_some(folder: Path) -> dict[str, Stamp]:
    """As `look`. Raises SetupError where there is no profile."""
    found = look(folder)
    if not found:
        raise SetupError(f"no voices: no folder of {folder} holds a voiceprofile.yaml; name another by --voices")
    return found


def read(name: str) -> str:
    """A profile's text. Raises OSError, UnicodeDecodeError."""
    return Path(name).read_text(encoding="utf-8")


def below(folder: Path) -> Callable[[str], bool]:
    """Tells whether a file is there, by its path below `folder`."""
    return lambda relative: (folder / relative).is_file()


def write_routes(path: Path, routes: Routes) -> None:
    """Write the routes document, whole or not at all. Raises SetupError."""
    state.write_private(path, msgspec.json.format(msgspec.json.encode(routes)))
