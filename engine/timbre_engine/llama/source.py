"""Where the library comes from: which package carries it, and how that one lays its parameters out."""

from collections.abc import Callable, Mapping
from ctypes import Structure
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

from timbre_common.errors import SetupError
from timbre_engine.llama import native, prebuilt

Choice = Literal["auto", "prebuilt", "native"]
"""auto: the prebuilt library where it is installed, else the native one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The library's file, and how it lays its parameters out."""

    path: Path
    model_params: type[Structure]
    context_params: type[Structure]


@dataclass(frozen=True, slots=True)
class Source:
    """A package that carries the library."""

    package: str
    release: str
    extra: str
    layout: Callable[[], Layout]


def _prebuilt() -> Layout:
    return Layout(prebuilt.path(), prebuilt.ModelParams, prebuilt.ContextParams)


def _native() -> Layout:
    declared = native.declarations()
    return Layout(Path(declared._lib._name), declared.llama_model_params, declared.llama_context_params)


SOURCES: Final[Mapping[str, Source]] = {
    "prebuilt": Source(prebuilt.PACKAGE, prebuilt.RELEASE, "qwen3tts", _prebuilt),
    "native": Source(native.PACKAGE, native.RELEASE, "native", _native),
}
"""In the order in which they are looked for."""


def choose(wanted: Choice, installed: Callable[[str], str] = version) -> Source:
    """Where the library is taken from; `installed` gives a package's version or raises PackageNotFoundError.

    Raises SetupError where it is missing or of another release.
    """
    sources = [source for name, source in SOURCES.items() if wanted in ("auto", name)]
    for source in sources:
        try:
            found = installed(source.package)
        except PackageNotFoundError:
            continue
        if found != source.release:
            raise SetupError(
                f"{source.package} {found} is installed, {source.release} is right: its structs move between releases"
            )
        return source
    extras = " or ".join(f"`{source.extra}` (timbre-voices[{source.extra}])" for source in sources)
    raise SetupError(f"llama.cpp's library is missing: install the extra {extras}")
