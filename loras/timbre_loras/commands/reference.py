"""`timbre-loras reference`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def reference(
    recording: Path,
    *,
    base: Annotated[Path, Parameter(help="Directory of the base as the Hub has it, of the kind base.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The voice file to write, .safetensors.")],
    text: Annotated[
        str, Parameter(help="What is said in it: the voice then continues the recording, closer to it.")
    ] = "",
    language: Annotated[str, Parameter(help="What is spoken, for whoever reads the file.")] = "",
    device: Annotated[str, Parameter(help="Where it computes: cpu, cuda:0 (default: a GPU where there is one).")] = "",
) -> None:
    """Make a voice file of one RECORDING, without training: the engine's `reference`."""
    from timbre_loras.train import referencing  # PyTorch is of the extra `train`

    told = referencing.reference(recording, base, output, text, language, device)
    sys.stdout.write(f"{output}: {told}\n")
