"""The administration's tokens: made once, renewed at intervals, two of them valid meanwhile."""

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.kube.resource import SECRETS
from timbre_operator.manifests import meta
from timbre_operator.resources.speechengine import SpeechEngine

_KEPT: Final = 2


@dataclass(frozen=True)
class Tokens:
    """The tokens, newest first, and since when the newest is there."""

    values: tuple[str, ...]
    since: datetime


def new_token() -> str:
    """256 bits that nobody can guess."""
    return secrets.token_urlsafe(32)


def read(live: Object | None) -> Tokens | None:
    """The tokens in a Secret; None where it holds none that can be used."""
    if live is None:
        return None
    try:
        text = base64.b64decode(live.get("data", {})[names.TOKENS_KEY], validate=True).decode("ascii")
        since = datetime.fromisoformat(live["metadata"].get("annotations", {})[names.ROTATED])
    except (KeyError, ValueError, binascii.Error):
        return None
    values = tuple(text.split())
    return Tokens(values, since) if values and since.tzinfo else None


def due(there: Tokens | None, now: datetime, days: int, make: Callable[[], str] = new_token) -> Tokens:
    """The tokens that shall be there: those of `there`, or a new one before them once they are `days` old."""
    if there is None:
        return Tokens((make(),), now)
    if now - there.since < timedelta(days=days):
        return there
    return Tokens((make(), *there.values)[:_KEPT], now)


def secret(engine: SpeechEngine, tokens: Tokens) -> Object:
    """The Secret: one token a line."""
    text = "".join(f"{value}\n" for value in tokens.values)
    data = {names.TOKENS_KEY: base64.b64encode(text.encode()).decode()}
    made = meta.obj(engine, SECRETS, names.admin_secret(engine.metadata.name), type="Opaque", data=data)
    made["metadata"]["annotations"] = {names.ROTATED: tokens.since.isoformat(timespec="seconds")}
    return made
