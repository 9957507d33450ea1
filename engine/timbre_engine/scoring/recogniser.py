"""What a recogniser on this machine hears: faster-whisper over a model in a local directory. Nothing is downloaded."""

import io
import wave
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput, SetupError

_FILES: Final = ("config.json", "model.bin", "tokenizer.json")
"""Without the last one faster-whisper would fetch it."""


class Recogniser(Protocol):
    """Turns speech into text."""

    def hear(self, samples: NDArray[np.float32], rate: int, language: str | None) -> str:
        """The text of samples within [-1, 1]; `language`: BCP 47's first part, None: it finds out."""


class Whisper:
    """See Recogniser."""

    def __init__(self, directory: Path, threads: int) -> None:
        """Raises SetupError where faster-whisper is missing, InvalidInput where the directory is no model for it."""
        missing = [name for name in _FILES if not (directory / name).is_file()]
        if missing:
            raise InvalidInput(
                f"a directory with a Whisper model for faster-whisper is right; {directory} lacks {', '.join(missing)}",
                "asr_model",
            )
        if find_spec("faster_whisper") is None:
            raise SetupError("faster-whisper is missing: install the extra `asr` (timbre-voices[asr])")
        from faster_whisper import WhisperModel

        try:
            self._model: Any = WhisperModel(
                str(directory), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
            )
        except (RuntimeError, ValueError) as error:
            raise InvalidInput(f"faster-whisper does not load {directory}: {error}", "asr_model") from error

    def hear(self, samples: NDArray[np.float32], rate: int, language: str | None) -> str:
        """See Recogniser."""
        known = language if language in self._model.supported_languages else None
        segments, _ = self._model.transcribe(_wav(samples, rate), language=known, condition_on_previous_text=False)
        return " ".join(segment.text.strip() for segment in segments)


def _wav(samples: NDArray[np.float32], rate: int) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes((samples.clip(-1, 1) * 32_767).astype("<i2").tobytes())
    file.seek(0)
    return file
