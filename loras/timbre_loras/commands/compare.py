"""`timbre-loras compare`."""

import io
import sys
import wave
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from timbre_common import names
from timbre_common.audio import SAMPLE_RATE
from timbre_common.errors import InvalidInput, SetupError
from timbre_loras import atomic
from timbre_loras.chain import Programs
from timbre_loras.comparison import embedding, folder, mel, picture, report, serving
from timbre_loras.comparison.embedding import Vectors
from timbre_loras.comparison.engine import Engine
from timbre_loras.comparison.page import Clip, page
from timbre_loras.comparison.report import Report

_ENGINE: Final = f"http://127.0.0.1:{names.ENGINE_PORT}"
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
    engine: Annotated[
        str | None, Parameter(help=f"Where an engine speaks (default: {_ENGINE}, unless there is a --model).")
    ] = None,
    model: Annotated[
        Path | None, Parameter(help="A model directory in an engine's place: one is started over it, and stopped.")
    ] = None,
    profiles: Annotated[
        Path | None,
        Parameter(help="With --model: the folder whose NAME/voiceprofile.yaml are its voices (default: its speakers)."),
    ] = None,
    lora: Annotated[
        tuple[str, ...],
        Parameter(help="With --model: a voice and its adapter, as name=path[:scale]; as often as wanted.", negative=()),
    ] = (),
    encoder: Annotated[
        Path | None,
        Parameter(help="A checkpoint of the kind base, whose speaker encoder measures too how far apart they are."),
    ] = None,
    trainer: Annotated[
        Path | None, Parameter(help="The timbre-loras of an environment with the extra `train` (default: this one).")
    ] = None,
    text: Annotated[
        tuple[str, ...], Parameter(help="A line to speak, as often as wanted (default: three in French).", negative=())
    ] = (),
    lines: Annotated[Path | None, Parameter(help="A file with a line to speak in each of its lines.")] = None,
    language: Annotated[str, Parameter(help="The lines' language, BCP 47.")] = "fr",
    emotion: Annotated[str | None, Parameter(help="The emotion that they are spoken with.")] = None,
    seed: Annotated[int, Parameter(help="Repeats what a model draws.")] = 1,
) -> None:
    """Speak the same lines with several voices: to listen to, to look at, and as numbers."""
    chosen, texts = _voices(voices), _texts(text, lines)
    with atomic.folder(output), _speaking(engine, model, profiles, lora) as speaking:
        spoken = {
            voice: [
                speaking.speak(voice=voice, input=line, language=language, emotion=emotion, seed=seed) for line in texts
            ]
            for voice in chosen
        }
    clips = {voice: [_clip(samples) for samples in all_lines] for voice, all_lines in spoken.items()}
    vectors, how = _embedded(folder.write_clips(output, clips), encoder, trainer)
    measured = [report.measure(voice, texts, spoken[voice], vectors[voice] if vectors else None) for voice in chosen]
    told = Report(
        engine=str(model or speaking.url),
        language=language,
        emotion=emotion,
        lines=texts,
        voices=measured,
        distances=report.distances(measured, spoken, vectors),
        speaker_embedding=how,
    )
    folder.write_report(output, told, page(told, clips))
    sys.stdout.write(f"{output / folder.PAGE}: {len(texts)} lines with {len(chosen)} voices\n")
    if encoder is not None:
        sys.stdout.write(f"speaker embedding: {how}\n")


def _speaking(
    url: str | None, model: Path | None, profiles: Path | None, loras: tuple[str, ...]
) -> AbstractContextManager[Engine]:
    if model is None:
        if profiles is not None or loras:
            raise InvalidInput("they belong to --model; an engine has voices of its own", "--profiles, --lora")
        return nullcontext(Engine(url or _ENGINE))
    if url is not None:
        raise InvalidInput("one of the two is right", "--engine, --model")
    return serving.serving(model, None if profiles is None else serving.voices_of(profiles), loras)


def _embedded(
    files: dict[str, list[Path]], encoder: Path | None, trainer: Path | None
) -> tuple[dict[str, Vectors] | None, str]:
    """X-vectors, and how they were measured; or why not: what was spoken is worth its page without them."""
    if encoder is None:
        return None, report.NOT_ASKED
    try:
        found = embedding.x_vectors(files, encoder, trainer or Programs().trainer)
    except SetupError as error:
        return None, f"not measured: {error}"
    return found, f"cosine distance of mean x-vectors by the speaker encoder of {encoder}: 0 is the same voice"


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
