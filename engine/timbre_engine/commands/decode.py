"""`timbre-engine decode`: codes in a file become samples in a file."""

import re
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput, SetupError
from timbre_engine.model import manifest
from timbre_engine.qwen3tts.codec import Codec
from timbre_engine.qwen3tts.compiled_codec import compiled
from timbre_engine.qwen3tts.decoder import AnyDecoder

_LENGTH: Final = re.compile("[1-9][0-9]{0,3}")


def decode(model_dir: Path, codes: Path, out: Path, *, chunks: str = "4", threads: int = 0) -> None:
    """Decode codes into samples, in chunks as a stream would.

    Parameters
    ----------
    model_dir
        A model directory, as `timbre-engine convert` makes it.
    codes
        A .npy file: whole numbers [frames, codebooks].
    out
        The .npy file to write: float32 samples within [-1, 1], at the model's rate.
    chunks
        Frames in each chunk, such as 1,3,2; the list begins again at its end. Any cutting gives the same samples.
    threads
        Threads that compute, by ONNX Runtime; 0: the kernel does, on one, or ONNX Runtime where there is none.
    """
    lengths = parse_chunks(chunks)
    if threads < 0:
        raise InvalidInput("0 or more is right", "threads")
    manifest.read(model_dir)
    path = model_dir / manifest.CODEC
    decoder = (None if threads else compiled(path)) or Codec(path, threads or 1)
    samples = decode_chunks(decoder, read_codes(codes), lengths)
    try:
        with out.open("wb") as file:
            np.save(file, samples)
    except OSError as error:
        raise SetupError(f"cannot write {out}: {error.strerror}") from error


def parse_chunks(text: str) -> list[int]:
    """`1,3,2` as numbers. Raises InvalidInput."""
    parts = [part.strip() for part in text.split(",")]
    if not all(_LENGTH.fullmatch(part) for part in parts):
        raise InvalidInput("numbers of frames from 1 to 9999 are right, such as 1,3,2", "chunks")
    return [int(part) for part in parts]


def read_codes(path: Path) -> NDArray[Any]:
    """An array in a .npy file; its shape and range are the decoder's to judge. Raises SetupError, InvalidInput."""
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except OSError as error:
        raise SetupError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, EOFError) as error:
        raise InvalidInput(f"{path} is no .npy file of numbers: {error}", "codes") from error
    return np.asarray(array)


def decode_chunks(decoder: AnyDecoder, codes: NDArray[Any], lengths: list[int]) -> NDArray[np.float32]:
    """All the codes, cut by the lengths in turn. Raises InvalidInput that names the code, before any is decoded."""
    checked = decoder.check(codes)
    state = decoder.state()
    pieces = [np.zeros(0, np.float32)]
    start = 0
    for length in cycle(lengths):
        if start >= len(checked):
            break
        pieces.append(decoder.decode(checked[start : start + length], state))
        start += length
    return np.concatenate(pieces)
