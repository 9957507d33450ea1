"""`timbre-loras compare`."""

import io
import re
import sys
import wave
from pathlib import Path
from typing import Annotated, Final

import msgspec
import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from timbre_common import names
from timbre_common.audio import SAMPLE_RATE
from timbre_common.errors import InvalidInput, SetupError
from timbre_loras.comparison import mel, picture, report
from timbre_loras.comparison.engine import Engine
from timbre_loras.comparison.page import Clip, page
from timbre_loras.comparison.report import Report

_LINES: Final = (
    "Bonjour à tous, je suis contente de vous retrouver ce matin.",
    "Avez-vous entendu ce bruit, juste au-dessus de la cuisine ?",
    "Vite, fermez les fenêtres, l'orage arrive par la montagne !",
)
_MOST_VOICES: Final = 16
_MOST_LINES: Final = 200


def compare(
    *,
    voices: Annotated[str, Parameter(help="Voices or blends of the engine, with commas between them.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Folder for page, sounds, pictures and numbers.")],
    engine: Annotated[str, Parameter(help="Where the engine speaks.")] = f"http://127.0.0.1:{names.ENGINE_PORT}",
    text: Annotated[
        tuple[str, ...], Parameter(help="A line to speak, as often as wanted (default: three in French).", negative=())
    ] = (),
    lines: Annotated[Path | None, Parameter(help="A file with a line to speak in each of its lines.")] = None,
    language: Annotated[str, Parameter(help="The lines' language, BCP 47.")] = "fr",
    emotion: Annotated[str | None, Parameter(help="The emotion that they are spoken with.")] = None,
    seed: Annotated[int, Parameter(help="Repeats what a model draws.")] = 1,
) -> None:
    """Speak the same lines with several voices of a running engine: to listen to, to look at, and as numbers."""
    chosen = _voices(voices)
    texts = _texts(text, lines)
    speaking = Engine(engine)
    spoken = {
        voice: [
            speaking.speak(voice=voice, input=line, language=language, emotion=emotion, seed=seed) for line in texts
        ]
        for voice in chosen
    }
    measured = [report.measure(voice, texts, samples) for voice, samples in spoken.items()]
    told = Report(
        engine=engine,
        language=language,
        emotion=emotion,
        lines=texts,
        voices=measured,
        distances=report.distances(measured, spoken),
    )
    clips = {voice: [_clip(samples) for samples in all_lines] for voice, all_lines in spoken.items()}
    try:
        _write(output, told, clips)
    except OSError as error:
        raise SetupError(f"{output} cannot be written: {error.strerror}") from error
    sys.stdout.write(f"{output / 'index.html'}: {len(texts)} lines with {len(chosen)} voices\n")


def _voices(given: str) -> list[str]:
    chosen = [name.strip() for name in given.split(",")]
    if not all(chosen) or len(chosen) > _MOST_VOICES or len(set(chosen)) < len(chosen):
        raise InvalidInput(f"1 to {_MOST_VOICES} different names such as lisa,electra are right", "--voices")
    return chosen


def _texts(given: tuple[str, ...], file: Path | None) -> list[str]:
    try:
        listed = [] if file is None else file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{file} cannot be read: {error}") from error
    texts = [line for text in (*given, *listed) if (line := text.strip())]
    if (given or file is not None) and not 1 <= len(texts) <= _MOST_LINES:
        raise InvalidInput(f"1 to {_MOST_LINES} lines with text are right, not {len(texts)}", "--text, --lines")
    return texts or list(_LINES)


def _clip(samples: NDArray[np.int16]) -> Clip:
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        wav.writeframes(samples.astype("<i2").tobytes())
    bands = mel.spectrogram(samples.astype(np.float64) / 32768)
    return Clip(file.getvalue(), picture.spectrogram(bands), len(samples) / SAMPLE_RATE)


def _write(output: Path, told: Report, clips: dict[str, list[Clip]]) -> None:
    for number, (voice, spoken) in enumerate(clips.items(), 1):
        # A blend's name has signs that file names better do without.
        folder = output / f"{number:02}-{re.sub(r'[^A-Za-z0-9.-]+', '_', voice).strip('._')}"
        folder.mkdir(parents=True, exist_ok=True)
        for line, clip in enumerate(spoken, 1):
            (folder / f"{line:03}.wav").write_bytes(clip.wav)
            (folder / f"{line:03}.png").write_bytes(clip.picture)
    (output / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
    (output / "index.html").write_text(page(told, clips), encoding="utf-8")
