"""`timbre token create`."""

import os
import re
import time
from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from timbre.commands.common import read_secret
from timbre.launcher import state
from timbre_common import tokens
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.names import ENV_TOKEN_SECRET
from timbre_common.tokens import Grant

app = App(name="token", help="Tokens for listeners, where a bridge demands them.")

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
Names = Annotated[str | None, Parameter(help="Names, separated by commas (default: all).")]


@app.command
def create(
    *,
    agents: Names = None,
    rooms: Names = None,
    speak: Annotated[bool, Parameter(negative="", help="It may also make agents speak.")] = False,
    expires: Annotated[str, Parameter(help="How long it is valid: 90s, 30m, 12h, 7d.")] = "12h",
    secret_file: Annotated[
        Path | None,
        Parameter(help="File with the bridge's secret (default: TIMBRE_TOKEN_SECRET, or the one `timbre run` keeps)."),
    ] = None,
) -> None:
    """Print a signed token that says which agents and rooms may be heard, and until when."""
    grant = Grant(
        agents=_names(agents, lower=True),
        rooms=_names(rooms),
        may_speak=speak,
        expires_at=time.time() + seconds(expires),
    )
    print(tokens.sign(grant, _secret(secret_file)))


def seconds(duration: str) -> int:
    """`12h` as seconds. Raises InvalidInput."""
    match = re.fullmatch(r"([1-9][0-9]{0,8})([smhd])", duration.strip())
    if match is None:
        raise InvalidInput(f"a time such as 90s, 30m, 12h or 7d is right, not {duration!r}", "--expires")
    return int(match[1]) * _UNITS[match[2]]


def _names(text: str | None, *, lower: bool = False) -> frozenset[str] | None:
    if text is None:
        return None
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    return frozenset(name.lower() for name in names) if lower else names


def _secret(path: Path | None) -> bytes:
    if path is not None:
        return read_secret(path)
    if secret := os.environ.get(ENV_TOKEN_SECRET):
        return secret.encode().strip()
    kept = state.secret_path()
    if kept.exists():
        return read_secret(kept)
    raise SetupError(f"no secret to sign with: give --secret-file, or set {ENV_TOKEN_SECRET}")
