"""`timbre-loras train`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.types import PositiveInt

from timbre_loras.train.settings import Settings


def train(
    dataset: Path,
    *,
    base: Annotated[Path, Parameter(help="Directory of the base as the Hub has it (timbre-engine pull).")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="PEFT's directory to write.")],
    resume: Annotated[bool, Parameter(negative=(), help="Go on from the checkpoint in --output.")] = False,
    stop_at: Annotated[
        PositiveInt | None, Parameter(help="Stop after this step with a checkpoint, for machines lent by the hour.")
    ] = None,
    settings: Annotated[Settings | None, Parameter(name="*")] = None,
) -> None:
    """Train a LoRA adapter on a DATASET that `timbre-loras prepare` made."""
    from timbre_loras.train import session  # PyTorch is of the extra `train`

    session.train(dataset, base, output, settings or Settings(), resume=resume, stop_at=stop_at)
