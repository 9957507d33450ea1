"""`timbre-loras prepare`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from timbre_loras.train.sound import Bounds


def prepare(
    recordings: Path,
    *,
    base: Annotated[Path, Parameter(help="Directory of the base as the Hub has it; of the kind base for an x-vector.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The dataset to write.")],
    transcripts: Annotated[
        Path | None,
        Parameter(help="CSV or JSON lines with file, text and perhaps language, in place of a .txt beside each file."),
    ] = None,
    language: Annotated[
        str, Parameter(help="What is spoken, as the model names it: french (default: the model finds out).")
    ] = "",
    device: Annotated[str, Parameter(help="Where it computes: cpu, cuda:0 (default: a GPU where there is one).")] = "",
    bounds: Annotated[Bounds | None, Parameter(name="*")] = None,
) -> None:
    """Make a dataset of RECORDINGS: a folder of wav and flac, and what is said in them."""
    from timbre_loras.train import preparing  # PyTorch is of the extra `train`

    preparing.tell(preparing.prepare(recordings, base, output, transcripts, language, bounds or Bounds(), device))
