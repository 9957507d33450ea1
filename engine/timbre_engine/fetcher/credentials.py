"""Credentials of the hosts that files are fetched from: a folder a host, as Secrets are mounted; read at each fetch."""

import base64
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_MAX_BYTES: Final = 64 << 10
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.:-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is known for one host; "" where it is not. Never shown."""

    token: str = field(default="", repr=False)
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    access_key_id: str = field(default="", repr=False)
    secret_access_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    authority: Path | None = None
    """A file with certificates (PEM) that the host's may be signed by."""

    def authorization(self) -> dict[str, str]:
        """The header that says who asks; none without a token or a user's name."""
        if self.token:
            return {"Authorization": f"Bearer {self.token}"}
        return self.basic()

    def basic(self) -> dict[str, str]:
        """The same with user's name and password alone."""
        if not self.username:
            return {}
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}


def read(directory: Path | None, host: str, port: int | None = None) -> Credentials:
    """The credentials in the folder `HOST_PORT`, else in that of `HOST`; empty ones where there is none."""
    if directory is None or not _HOST.fullmatch(host):
        return Credentials()
    names = [host] if port is None else [f"{host}_{port}", host]
    folder = next((directory / name for name in names if (directory / name).is_dir()), None)
    if folder is None:
        return Credentials()
    authority = folder / "ca.crt"
    return Credentials(
        token=_read(folder / "token"),
        username=_read(folder / "username"),
        password=_read(folder / "password"),
        access_key_id=_read(folder / "accessKeyID"),
        secret_access_key=_read(folder / "secretAccessKey"),
        session_token=_read(folder / "sessionToken"),
        authority=authority if authority.is_file() else None,
    )


def stamp(directory: Path) -> frozenset[tuple[str, int, int]]:
    """What differs once any credential has changed: each file's path, inode and time of modification."""
    found = set()
    for path in directory.glob("*/*"):
        with suppress(OSError):  # a Secret's files are exchanged meanwhile
            status = path.stat()
            found.add((str(path), status.st_ino, status.st_mtime_ns))
    return frozenset(found)


def _read(path: Path) -> str:
    """A file's one line. What is no such line is left out: a header must not be made of it."""
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode().strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if text.isprintable() else ""
