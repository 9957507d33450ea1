"""Which backends there are, and how each is made."""

from collections.abc import Callable, Mapping
from typing import Final

from timbre_engine import pace
from timbre_engine.backend import Backend
from timbre_engine.espeak.backend import EspeakBackend
from timbre_engine.paced import PacedBackend
from timbre_engine.settings import Settings

_MAKERS: Final[Mapping[str, Callable[[Settings], Backend]]] = {
    "espeak": lambda settings: EspeakBackend(settings.slots),
}


def make(settings: Settings) -> Backend:
    """The backend that the settings name, paced where they say so. Raises InvalidInput."""
    backend = _MAKERS[settings.backend](settings)
    return backend if settings.pace is None else PacedBackend(backend, pace.parse(settings.pace))
