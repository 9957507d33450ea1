"""Stand-ins for libraries that the official package imports, and that nothing here uses."""

import importlib.machinery
import sys
import types
from collections.abc import Iterable
from typing import Any


class StandIn(types.ModuleType):
    """It has every name, and nothing behind it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(name)


def install(names: Iterable[str]) -> None:
    """Put them where imports look first."""
    for name in names:
        sys.modules[name] = StandIn(name)
        sys.modules[name].__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
