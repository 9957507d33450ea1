"""llama.cpp as `llama-cpp-python` was built, with declarations that follow its release."""

from importlib import import_module
from typing import Any, Final

from timbre_common.errors import SetupError

PACKAGE: Final = "llama-cpp-python"
RELEASE: Final = "0.3.36"


def declarations() -> Any:
    """Its module of ctypes declarations, which loads the library. Raises SetupError where that fails."""
    try:
        return import_module("llama_cpp.llama_cpp")
    except (ImportError, OSError, RuntimeError) as error:
        raise SetupError(f"{PACKAGE} does not load: {error}") from error
