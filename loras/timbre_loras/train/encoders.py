"""What the official package hears in a recording: the codec's codes and the speaker encoder's x-vector."""

from pathlib import Path
from typing import Any, Final

import librosa
import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from timbre_common.errors import InvalidInput, SetupError
from timbre_loras.train import base_config, recordings
from timbre_loras.train.model import device_of, load
from timbre_loras.train.official import Qwen3TTSTokenizer
from timbre_loras.train.sound import RATE, Sound

_BASE: Final = "base"
MAX_SECONDS: Final = 120
"""Of a file: no more is read."""


class Encoders:
    """Those of a checkpoint; only models of the kind base have a speaker encoder."""

    def __init__(self, base: Path, device: str = "") -> None:
        """Load them in float32. Raises SetupError, InvalidInput."""
        kind = base_config.read(base).tts_model_type
        where = device_of(device)
        try:
            self._codec = Qwen3TTSTokenizer.from_pretrained(base / "speech_tokenizer", device_map=where)
        except (OSError, SafetensorError) as error:
            raise SetupError(f"{base} has no codec that can be read: {str(error).splitlines()[0]}") from error
        self._model = load(base, torch.float32).to(where) if kind == _BASE else None

    @property
    def knows_speakers(self) -> bool:
        """Whether there are x-vectors."""
        return self._model is not None

    def codes(self, sound: Sound) -> NDArray[np.int16]:
        """[frames, codebooks] of a sound at RATE."""
        made: Any = self._codec.encode(sound, sr=RATE).audio_codes[0]
        return np.ascontiguousarray(made.cpu().numpy(), np.int16)

    def x_vector(self, sound: Sound) -> NDArray[np.float32]:
        """[hidden] of a sound at RATE. Raises InvalidInput where the model has no speaker encoder."""
        if self._model is None:
            raise InvalidInput("a model of the kind base is right: only it has a speaker encoder", "--base")
        made: Any = self._model.extract_speaker_embedding(sound, RATE)
        return np.asarray(made.float().cpu().numpy(), np.float32)


def hear(path: Path) -> tuple[Sound, int]:
    """A file's sound, mono, and its rate in Hz. Raises InvalidInput."""
    try:
        with soundfile.SoundFile(path) as file:
            if file.frames > MAX_SECONDS * file.samplerate:
                raise InvalidInput(f"it lasts longer than {MAX_SECONDS} s")
            with path.open("rb") as raw:
                if recordings.breaks_off(raw.read(8), path.stat().st_size):
                    raise InvalidInput("it breaks off: the file is shorter than its header says")
            read: Any = file.read(dtype="float32", always_2d=True)
            return read.mean(axis=1), int(file.samplerate)
    except (soundfile.LibsndfileError, OSError) as error:
        raise InvalidInput(f"it cannot be read: {error}") from error


def listen(path: Path, shortest: float, longest: float) -> Sound:
    """A file's sound, mono and at RATE. Raises InvalidInput that names it where it does not last so many seconds."""
    try:
        sound, rate = hear(path)
    except InvalidInput as error:
        raise InvalidInput(str(error), path.name) from error
    seconds = len(sound) / rate
    if not shortest <= seconds <= longest:
        raise InvalidInput(f"it lasts {seconds:.1f} s; {shortest:g} to {longest:g} s are right", path.name)
    return resample(sound, rate)


def resample(sound: Sound, rate: int) -> Sound:
    """At RATE."""
    if rate == RATE:
        return sound
    made: Any = librosa.resample(y=sound, orig_sr=rate, target_sr=RATE)
    return np.asarray(made, np.float32)
