"""`timbre-loras embed`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def embed(
    *recordings: Path,
    base: Annotated[Path, Parameter(help="Directory of the base as the Hub has it, of the kind base.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The file to write, .safetensors.")],
    device: Annotated[str, Parameter(help="Where it computes: cpu, cuda:0 (default: a GPU where there is one).")] = "",
) -> None:
    """Write what the speaker encoder hears in RECORDINGS: x_vectors, one for each; `compare` asks it."""
    from timbre_loras.train import embedding  # PyTorch is of the extra `train`

    count = embedding.embed(recordings, base, output, device)
    sys.stdout.write(f"{output}: {count} recordings heard\n")
