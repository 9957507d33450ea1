"""Tensors of a checkpoint: read one at a time, as float32, and accounted for."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import ml_dtypes  # noqa: F401 -- makes numpy know bfloat16
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from timbre_common.errors import InvalidInput, SetupError

_WEIGHTS: Final = "model.safetensors"
_INDEX: Final = "model.safetensors.index.json"
_TYPES: Final = {"F32", "F16", "BF16"}


class Checkpoint:
    """A directory with `config.json` and `model.safetensors`, whole or in shards."""

    def __init__(self, directory: Path) -> None:
        """Raises SetupError where files are missing, InvalidInput where they are broken."""
        self.directory = directory
        self.config = read_json(directory / "config.json")
        self._files: dict[str, Any] = {}
        for path in self._shards():
            try:
                file: Any = safe_open(path, framework="numpy")
            except (SafetensorError, OSError) as error:
                raise InvalidInput(f"{path.name} cannot be read: {error}", str(path)) from error
            self._files.update(dict.fromkeys(file.keys(), file))
        self._unused = set(self._files)

    @property
    def names(self) -> list[str]:
        """Every tensor's name."""
        return sorted(self._files)

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, without reading it. Raises InvalidInput that names it."""
        return tuple(self._file(name).get_slice(name).get_shape())

    def take(self, name: str, shape: tuple[int, ...] | None = None) -> NDArray[np.float32]:
        """A tensor as float32, counted as used. Raises InvalidInput that names it: missing, or of another shape."""
        file = self._file(name)
        kind = file.get_slice(name).get_dtype()
        if kind not in _TYPES:
            raise InvalidInput(f"{kind} is not read here; F32, F16 or BF16 is right", name)
        if shape is not None and self.shape(name) != shape:
            raise InvalidInput(f"its shape is {self.shape(name)}, not {shape} as config.json says", name)
        self._unused.discard(name)
        return np.ascontiguousarray(file.get_tensor(name), dtype=np.float32)

    def skip(self, prefixes: Iterable[str]) -> list[str]:
        """Count the tensors below the prefixes as knowingly skipped; their names."""
        skipped = sorted(name for name in self._unused if name.startswith(tuple(prefixes)))
        self._unused.difference_update(skipped)
        return skipped

    def refuse_unused(self) -> None:
        """Raises InvalidInput that names a tensor which was neither taken nor skipped."""
        if self._unused:
            first = min(self._unused)
            raise InvalidInput(
                f"not known here, with {len(self._unused) - 1} others: this converter is older than the model", first
            )

    def _file(self, name: str) -> Any:
        try:
            return self._files[name]
        except KeyError:
            raise InvalidInput(f"missing in {self.directory}", name) from None

    def _shards(self) -> list[Path]:
        index = self.directory / _INDEX
        if not index.exists():
            paths = [self.directory / _WEIGHTS]
        else:
            names = set(read_json(index).get("weight_map", {}).values())
            if any(Path(str(name)).name != name for name in names):
                raise InvalidInput("a shard lies outside the checkpoint", str(index))
            paths = [self.directory / name for name in sorted(names)]
        for path in paths:
            if not path.is_file():
                raise SetupError(f"{path} is missing: the checkpoint is not whole (timbre-engine pull gets it)")
        return paths


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object in a file. Raises SetupError where there is none, InvalidInput where it is broken."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}; a directory in Hugging Face layout is right") from error
    except ValueError as error:
        raise InvalidInput(f"no JSON: {error}", str(path)) from error
    if not isinstance(data, dict):
        raise InvalidInput("a JSON object is right", str(path))
    return data
