"""`timbre-loras merge`."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput
from timbre_loras import adapter_gguf, mixture, writer
from timbre_loras import base as bases
from timbre_loras import merge as merging
from timbre_loras.mixture import Row, Share
from timbre_loras.writer import Dtype


def merge(
    *files: Annotated[str, Parameter(help="Adapter files with their weights, such as lisa.gguf:0.7.")],
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="The adapter file to write.")],
    rank: Annotated[
        int, Parameter(help="The largest rank of the result, with what that costs told (0: the sum of all ranks).")
    ] = 0,
    dtype: Annotated[Dtype, Parameter(help="How its numbers are stored.")] = Dtype.F16,
    base: Annotated[Path | None, Parameter(help="The model's directory, needed to mix different speakers.")] = None,
    name: Annotated[str, Parameter(help="The voice's name (default: the file's).")] = "",
    agent: Annotated[str, Parameter(help="The agent that speaks by it.")] = "",
    licence: Annotated[str, Parameter(help="Its licence (default: those of its parts, joined by AND).")] = "",
) -> None:
    """Mix adapters of one base into one file that speaks as the engine's blend of them does."""
    if not files:
        raise InvalidInput("one or more of FILE:WEIGHT is right", "files")
    if rank < 0:
        raise InvalidInput("1 or more is right, or 0", "--rank")
    named = [mixture.parse(text) for text in files]
    shares = [Share(adapter_gguf.read(Path(path)), weight) for path, weight in named]
    seconds = [(share.file.predictor(), share.weight) for share in shares]
    talker = merging.concatenate([(share.file.pairs(), share.weight) for share in shares])
    predictor = merging.concatenate([(second.pairs(), weight) for second, weight in seconds if second])
    told = ""
    if rank:
        reduced = merging.reduce([*talker, *predictor], rank)
        talker, predictor = reduced.pairs[: len(talker)], reduced.pairs[len(talker) :]
        told = f", {reduced.error:.2%} off the whole mixture"
    about = mixture.metadata(shares, _rows(base, shares), name=name or output.stem, agent=agent, licence=licence)
    second = writer.write(output, talker, predictor, about, dtype)
    size = sum(path.stat().st_size for path in (output, second) if path)
    largest = max(pair.rank for pair in [*talker, *predictor])
    sys.stdout.write(f"{output}: rank {largest}, {size / 1e6:.1f} MB{told}\n")
    if second is not None:
        sys.stdout.write(f"{second}: the code predictor's part of it\n")


def _rows(directory: Path | None, shares: list[Share]) -> Row:
    def row(speaker: str) -> NDArray[np.float32]:
        if directory is None:
            raise InvalidInput(f"the voices have different speakers ({speaker}): name the model's directory", "--base")
        base = bases.read(directory)
        if base.digest != shares[0].file.base_digest:
            raise InvalidInput(f"they were made for {shares[0].file.base_digest}, not {base.digest}", "--base")
        return bases.speaker_row(directory, base, speaker)

    return row
