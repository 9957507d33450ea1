"""Libraries of the extra `publish`, imported where a target needs them."""

from importlib import import_module
from types import ModuleType

from timbre_common.errors import SetupError


def load(name: str) -> ModuleType:
    """The module. Raises SetupError where it is not installed."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise SetupError(f"{error.name} is missing: install the extra publish (timbre-voices[publish])") from error
