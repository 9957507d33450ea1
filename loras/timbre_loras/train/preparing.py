"""From a folder of recordings to a dataset, and a report of what was left out."""

import re
import sys
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save
from tqdm import tqdm

from timbre_common import adapters
from timbre_common.errors import InvalidInput
from timbre_loras import atomic, x_vector
from timbre_loras.train import base_config, dataset, recordings, sound
from timbre_loras.train.base_config import AUTO, BaseConfig
from timbre_loras.train.dataset import Line
from timbre_loras.train.encoders import Encoders, hear, resample
from timbre_loras.train.recordings import Recording
from timbre_loras.train.sound import RATE, Bounds, Sound

REPORT: Final = "report.json"


class Kept(msgspec.Struct, frozen=True):
    """A recording that is a line now."""

    file: str
    seconds: float
    frames: int
    likeness: float | None = None
    """Cosine of its x-vector and the dataset's: one that is far below the others may be another voice."""


class Dropped(msgspec.Struct, frozen=True):
    """A recording that was left out."""

    file: str
    why: str


class Report(msgspec.Struct, frozen=True):
    """What became of every recording."""

    seconds: float
    kept: list[Kept]
    dropped: list[Dropped]


def prepare(
    folder: Path, base: Path, output: Path, table: Path | None, language: str, bounds: Bounds, device: str
) -> Report:
    """Make the dataset. Raises TimbreError; InvalidInput where no recording is left."""
    config = base_config.read(base)
    found = recordings.find(folder, table)
    atomic.make_folder(output)
    encoders = Encoders(base, device)
    lines: list[Line] = []
    kept: list[Kept] = []
    dropped: list[Dropped] = []
    vectors: list[NDArray[np.float32]] = []
    for recording in tqdm(found, unit="recording"):
        try:
            line, heard = _line(recording, config, language, bounds, {line.name for line in lines})
        except InvalidInput as error:
            dropped.append(Dropped(recording.path.name, str(error)))
            continue
        codes = encoders.codes(heard)
        dataset.write_line(output, line, codes)
        lines.append(line)
        kept.append(Kept(recording.path.name, round(len(heard) / RATE, 3), len(codes)))
        if encoders.knows_speakers:
            vectors.append(encoders.x_vector(heard))
    report = Report(round(sum(each.seconds for each in kept), 3), _likened(kept, vectors), dropped)
    atomic.write(output / REPORT, msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    if not lines:
        raise InvalidInput(f"none of {len(found)} recordings is left; {output / REPORT} says why", str(folder))
    if vectors:
        atomic.write(output / x_vector.FILE, save({adapters.X_VECTOR: mean(vectors)}))
    dataset.write_lines(output, lines)
    return report


def tell(report: Report) -> None:
    """Print a table of what was left out, and what is there."""
    width = max((len(each.file) for each in report.dropped), default=0)
    for each in report.dropped:
        sys.stdout.write(f"dropped  {each.file.ljust(width)}  {each.why}\n")
    sys.stdout.write(f"kept     {len(report.kept)} recordings, {report.seconds / 60:.1f} minutes\n")


def mean(vectors: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The voice of all: [hidden]; as long as they are on average, since the model knows vectors of one size."""
    total = np.mean(vectors, axis=0)
    size = np.mean([np.linalg.norm(vector) for vector in vectors])
    return np.asarray(total * size / np.linalg.norm(total), np.float32)


def _line(
    recording: Recording, config: BaseConfig, language: str, bounds: Bounds, taken: set[str]
) -> tuple[Line, Sound]:
    if recording.text is None:
        raise InvalidInput("it has no transcript")
    text = " ".join(recording.text.split())
    sound.check_text(text, bounds)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", recording.path.stem).lstrip(".-")[:100] or "_"
    if name in taken:
        raise InvalidInput(f"another recording is called {name} already")
    spoken = recording.language or language or AUTO
    config.language(spoken)
    heard, rate = hear(recording.path)
    return Line(name=name, text=text, language=spoken), resample(sound.clean(heard, rate, text, bounds), rate)


def _likened(kept: list[Kept], vectors: list[NDArray[np.float32]]) -> list[Kept]:
    if not vectors:
        return kept
    voice = mean(vectors)
    cosines = [float(each @ voice / (np.linalg.norm(each) * np.linalg.norm(voice))) for each in vectors]
    return [
        msgspec.structs.replace(each, likeness=round(cosine, 4)) for each, cosine in zip(kept, cosines, strict=True)
    ]
