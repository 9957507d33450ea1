"""`timbre compose`."""

import secrets
import time
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import Parameter

from timbre.launcher import files, state
from timbre.launcher.voices import Voices
from timbre_common import documents
from timbre_common.documents import Engine
from timbre_common.errors import SetupError
from timbre_common.names import DEFAULT_ENGINE, ENGINE_PORT, ENV_REDIS_URL, REDIS_PORT

_READABLE: Final = 0o444
"""Containers read as another user. Secrets are kept by the folder that holds them, which is its owner's alone."""


def compose(
    directory: Path = Path("compose"),
    *,
    voices: Annotated[Path, Parameter(help="Folder with one folder an agent, each with a voiceprofile.yaml.")] = Path(
        "loras"
    ),
) -> None:
    """Write what docker-compose.yml mounts: documents of the voices, anew each time, and secrets where there are none.

    The bridge follows a new document by itself; the engine reads its own when it starts.
    """
    known = Voices()
    known.load(files.require_some(voices), files.read)
    profiles = list(known.profiles.values())
    engine = Engine(DEFAULT_ENGINE, f"http://tts-engine:{ENGINE_PORT}")
    made = {
        "voices.json": documents.voices_document(profiles, DEFAULT_ENGINE, time.time_ns() // 1_000_000),
        "routes.json": documents.routes(profiles, [engine]),
    }
    _make_folder(directory / "documents", 0o755)
    _make_folder(directory / "secrets", 0o700)
    for name, document in made.items():
        content = msgspec.json.format(msgspec.json.encode(document))
        state.write(directory / "documents" / name, content, _READABLE)
    _write_secrets(directory / "secrets")
    print(f"{directory}: {', '.join(sorted(profile.display_name for profile in profiles))}")


def _make_folder(path: Path, mode: int) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    except OSError as error:
        raise SetupError(f"{path}: cannot be made ({error.strerror})") from error


def _write_secrets(folder: Path) -> None:
    _write_missing(folder, {"admin-token": secrets.token_urlsafe(32)})
    _write_missing(folder, {"token-secret": secrets.token_urlsafe(48)})
    password = secrets.token_urlsafe(32)
    _write_missing(
        folder,
        {
            "redis.conf": f'bind * -::*\nrequirepass {password}\nsave ""\nappendonly no\ndir /tmp\n',
            "bridge.env": f"{ENV_REDIS_URL}=redis://:{password}@redis:6379/0\n",
            "host.env": f"{ENV_REDIS_URL}=redis://:{password}@127.0.0.1:{REDIS_PORT}/0\n",
        },
    )


def _write_missing(folder: Path, contents: dict[str, str]) -> None:
    """Write files that go together, unless all of them are there."""
    if all((folder / name).exists() for name in contents):
        return
    for name, content in contents.items():
        state.write(folder / name, content.encode(), _READABLE)
