"""What a person may name as a model, and where in the cache is what is made of it. Looks at files, changes none."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from timbre_common.errors import SetupError
from timbre_common.names import MODEL_FILE, MODEL_FORMAT

EXAMPLE: Final = "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"
_CONFIG: Final = "config.json"
_FILES: Final = [
    f"{folder}{name}" for folder in ("", "speech_tokenizer/") for name in ("*.json", "*.safetensors", "*.txt")
]
"""What conversion may read of a checkpoint."""
_HUB_NAME: Final = re.compile(r"(?P<name>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>[\w./-]+))?", re.ASCII)


@dataclass(frozen=True)
class ModelDirectory:
    """A folder that `timbre-engine convert` made: nothing is left to do."""

    path: Path


@dataclass(frozen=True)
class Checkpoint:
    """A folder in Hugging Face layout."""

    path: Path

    @property
    def label(self) -> str:
        """A name for people."""
        return self.path.name

    def identity(self) -> str:
        """Another one where the folder, or anything in it, is another."""
        files = sorted(path for pattern in _FILES for path in self.path.glob(pattern))
        stamps = [(path.relative_to(self.path), path.stat()) for path in files]
        return "\n".join([str(self.path), *(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stamps)])


@dataclass(frozen=True)
class HubName:
    """A model on the Hugging Face Hub."""

    name: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.name if self.revision is None else f"{self.name}@{self.revision}"

    @property
    def label(self) -> str:
        """A name for people, and for a folder."""
        return str(self).partition("/")[2].replace("/", "--")

    def identity(self) -> str:
        """The name: what it means on the Hub is asked once, until the cache is emptied."""
        return str(self)


def identify(text: str) -> ModelDirectory | Checkpoint | HubName:
    """What `text` names; a folder that is there goes before a name on the Hub. Raises SetupError."""
    # Not every shell expands the ~ of MODEL=~/model.
    path = Path(text).expanduser() if text.startswith("~/") else Path(text)
    try:
        there = _look(path, text)
    except OSError as error:
        raise SetupError(f"{text}: {error.strerror}") from error
    if there is not None:
        return there
    match = _HUB_NAME.fullmatch(text)
    if match is not None:
        return HubName(match["name"], match["revision"])
    if "/" in text and ":" not in text:
        raise SetupError(f"there is no folder {text}")
    raise SetupError(f"{text!r} is neither a folder nor a name on the Hub such as {EXAMPLE}")


def _look(path: Path, text: str) -> ModelDirectory | Checkpoint | None:
    if path.is_dir():
        if (path / MODEL_FILE).is_file():
            return ModelDirectory(path)
        if (path / _CONFIG).is_file():
            return Checkpoint(path.resolve())
        raise SetupError(f"{text} is neither a model directory (no {MODEL_FILE}) nor a checkpoint (no {_CONFIG})")
    if path.exists():
        raise SetupError(f"{text} is a file: the folder of a model is right, or a name on the Hub such as {EXAMPLE}")
    return None


def checkpoint_at(cache: Path, source: HubName) -> Path:
    """Where the checkpoint of a name is kept."""
    organisation = source.name.partition("/")[0]
    return cache / "checkpoints" / organisation / source.label


def model_at(cache: Path, source: Checkpoint | HubName, quant: str) -> Path:
    """Where the model directory that is made of a source is kept."""
    key = hashlib.sha256(f"{MODEL_FORMAT}\n{source.identity()}".encode()).hexdigest()[:12]
    return cache / "models" / f"{source.label}-{quant}-{key}"
