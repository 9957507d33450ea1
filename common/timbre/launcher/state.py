"""What stays on this machine between runs, for its user alone: the certificate authority and the tokens' secret."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from timbre_common.errors import SetupError


def directory(environ: Mapping[str, str] | None = None) -> Path:
    """`$XDG_STATE_HOME/timbre`, or `~/.local/state/timbre`."""
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_STATE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state") / "timbre"


def cache(environ: Mapping[str, str] | None = None) -> Path:
    """`$XDG_CACHE_HOME/timbre`, or `~/.cache/timbre`: what can be had again."""
    environ = os.environ if environ is None else environ
    base = environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "timbre"


def secret_path() -> Path:
    """Where the tokens' secret is kept."""
    return directory() / "token-secret"


def secret() -> Path:
    """The file with the tokens' secret, made at the first call. Raises SetupError."""
    path = secret_path()
    if not path.exists():
        write_private(path, secrets.token_urlsafe(48).encode())
    return path


def write_private(path: Path, data: bytes) -> None:
    """Write a file that its owner alone can read, whole or not at all. Raises SetupError."""
    write(path, data, 0o600)


def write(path: Path, data: bytes, mode: int) -> None:
    """Write a file of this mode, whole or not at all. Raises SetupError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask
            file.write(data)
        temporary.replace(path)
    except OSError as error:
        raise SetupError(f"{path}: cannot be written ({error.strerror})") from error
