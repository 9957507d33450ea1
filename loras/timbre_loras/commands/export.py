"""`timbre-loras export`."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput, Unsupported
from timbre_loras import base as bases
from timbre_loras import peft_adapter, trained, writer
from timbre_loras import x_vector as x_vectors
from timbre_loras.base import Base
from timbre_loras.trained import Layout
from timbre_loras.writer import Dtype, Metadata


def export(
    peft_dir: Path,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The adapter file to write.")],
    base: Annotated[Path, Parameter(help="Directory of the model that it was trained for (timbre-engine convert).")],
    dtype: Annotated[Dtype, Parameter(help="How its numbers are stored.")] = Dtype.F16,
    name: Annotated[str, Parameter(help="The voice's name (default: the file's).")] = "",
    agent: Annotated[str, Parameter(help="The agent that speaks by it.")] = "",
    speaker: Annotated[str, Parameter(help="The model's speaker that it builds on (default: as trained).")] = "",
    x_vector: Annotated[
        Path | None,
        Parameter(
            help="The voice that it was trained as, in place of a speaker: safetensors with a tensor x_vector "
            "(default: x_vector.safetensors in PEFT_DIR, where there is one)."
        ),
    ] = None,
    language: Annotated[str, Parameter(help="Its language as the model names it: french (default: as trained).")] = "",
    text_layout: Annotated[
        Layout | None, Parameter(help="The text's layout that it was trained with (default: as trained, or streaming).")
    ] = None,
    licence: Annotated[str, Parameter(help="Under which licence the voice may be used.")] = "",
) -> None:
    """Make an adapter file for the engine of a LoRA adapter that PEFT saved in PEFT_DIR."""
    model = bases.read(base)
    known = trained.read(peft_dir)
    # As the model directory names them.
    speaker = (speaker or ("" if x_vector else known.speaker)).lower()
    language = (language or known.language).lower()
    _refuse_unknown(model, speaker, language)
    adapter = peft_adapter.read(peft_dir, model)
    vector = _x_vector(x_vector, peft_dir, model.talker.hidden)
    if speaker and vector is not None:
        raise InvalidInput("an x-vector takes the speaker's place: one of the two is right", "--speaker")
    metadata = Metadata(
        name=name or output.stem,
        agent=agent,
        base_digest=model.digest,
        base_name=model.name,
        base_kind=model.kind,
        speaker=speaker,
        language=language,
        layout=text_layout or known.text_layout,
        source_alpha=adapter.config.lora_alpha,
        licence=licence,
        source_digest=adapter.digest,
        x_vector=vector,
    )
    second = writer.write(output, adapter.talker, adapter.predictor, metadata, dtype)
    sys.stdout.write(f"{output}: {len(adapter.talker)} weights adapted, {output.stat().st_size / 1e6:.1f} MB\n")
    if second is not None:
        sys.stdout.write(
            f"{second}: {len(adapter.predictor)} of the code predictor, {second.stat().st_size / 1e6:.1f} MB\n"
        )


def _x_vector(named: Path | None, peft_dir: Path, hidden: int) -> NDArray[np.float32] | None:
    path = named or peft_dir / x_vectors.FILE
    return x_vectors.read(path, hidden) if named is not None or path.exists() else None


def _refuse_unknown(model: Base, speaker: str, language: str) -> None:
    if speaker and not model.speakers:
        raise Unsupported(f"{model.name} ({model.kind}) has no named speakers", "--speaker")
    if speaker and speaker not in model.speakers:
        raise InvalidInput(f"{model.name} has {', '.join(sorted(model.speakers))}, not {speaker}", "--speaker")
    if language and language not in model.languages:
        raise InvalidInput(f"{model.name} has {', '.join(sorted(model.languages))}, not {language}", "--language")
