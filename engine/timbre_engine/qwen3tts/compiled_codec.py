"""The codec decoder by `kernels/codec.c`: from the same file as ONNX Runtime, on one thread, and sooner."""

import ctypes
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput, SetupError
from timbre_engine import cpus
from timbre_engine.kernels import codec as kernel
from timbre_engine.model import codec as layout
from timbre_engine.model import onnx_constants
from timbre_engine.model.codec import CodecSizes
from timbre_engine.qwen3tts.decoder import Decoder, Samples, Stop, Whose

_LANES: Final = 8
"""Values that the library computes at once: what the widths outside the decoder's blocks are multiples of."""


class CompiledState:
    """What the kernel looks back on, in a form of its own: a call changes it in place."""

    def __init__(self, values: NDArray[np.uint8]) -> None:
        self._values = values

    def copy(self) -> "CompiledState":
        """A state that goes its own way from here."""
        return CompiledState(self._values.copy())


class CompiledCodec(Decoder[CompiledState]):
    """A model directory's `codec.onnx`, laid out for the library, which computes one call at a time."""

    threads = 1
    most_frames = kernel.MOST_FRAMES

    def __init__(self, library: Any, sizes: CodecSizes, weights: list[NDArray[np.float32]]) -> None:
        """`weights` in the order of `model.codec.shapes`; they are copied. Raises SetupError for want of memory."""
        self.codebooks, self.codebook_size = sizes.codebooks, sizes.codebook_size
        self.samples_per_frame = sizes.samples_per_frame
        self._library = library
        self._lock = threading.Lock()
        self._beside = cpus.available() > 1
        """Whether two threads can compute at the same time."""
        pointers = (kernel.Pointer * len(weights))(*(each.ctypes.data for each in weights))
        self._handle = library.timbre_codec_new(_sizes(sizes), pointers)
        if not self._handle:
            raise SetupError("there is not enough memory for the codec")
        self._state_bytes = library.timbre_codec_state_bytes(self._handle)

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.timbre_codec_free(self._handle)

    def state(self) -> CompiledState:
        """The state of a stream that begins."""
        values = np.empty(self._state_bytes, np.uint8)
        self._library.timbre_codec_begin(self._handle, values.ctypes.data)
        return CompiledState(values)

    def let_help(self, whose: Whose) -> None:
        """The kernels of codec and language models are in one library."""
        self._library.timbre_let_help(whose if self._beside else Whose.NOBODY)

    def stand_by(self, over: Stop) -> None:
        """Take pieces and do nothing else."""
        if self._beside:
            self._library.timbre_stand_by(ctypes.addressof(over.flag))

    def _run(self, codes: NDArray[np.int64], state: CompiledState, stop: Stop) -> Samples:
        pcm = np.empty(len(codes) * self.samples_per_frame, np.float32)
        pointers = state._values.ctypes.data, pcm.ctypes.data, ctypes.addressof(stop.flag)
        with self._lock:
            self._library.timbre_codec_decode(self._handle, codes.ctypes.data, len(codes), *pointers)
        return pcm


def compiled(path: Path) -> CompiledCodec | None:
    """The file by the library; None where that was not built, is not for this processor, or has no form for the file.

    Raises SetupError where there is not enough memory.
    """
    library = kernel.library()
    if library is None:
        return None
    try:
        sizes = layout.from_property(onnx_constants.properties(path).get(layout.SIZES, ""))
        _refuse_unfit(sizes)
        weights = _weights(onnx_constants.constants(path), layout.shapes(sizes))
    except (OSError, InvalidInput, _Unfit):
        return None  # what is wrong with the file ONNX Runtime says
    return CompiledCodec(library, sizes, weights)


def _points(together: tuple[int, ...], taps: int) -> tuple[int, ...]:
    """At which so many outputs share products; 0: they do not."""
    return tuple(each + taps - 1 if each > 1 else 0 for each in together)


def _sizes(sizes: CodecSizes) -> kernel.Sizes:
    return kernel.Sizes(
        codebooks=sizes.codebooks,
        codebook_size=sizes.codebook_size,
        half=sizes.codebook_dim // 2,
        dim=sizes.codebook_dim,
        latent=sizes.latent,
        hidden=sizes.hidden,
        layers=sizes.layers,
        heads=sizes.heads,
        head_dim=sizes.head_dim,
        window=sizes.window,
        intermediate=sizes.intermediate,
        stages=len(sizes.ratios),
        blocks=len(sizes.rates),
        channels=sizes.channels,
        ratios=sizes.ratios,
        rates=sizes.rates,
        points=_points(sizes.spread_together, layout.UP_TAPS),
        unit_points=_points(sizes.units_together, layout.TAPS),
        epsilon=sizes.epsilon,
        theta=sizes.theta,
    )


class _Unfit(Exception):
    """A decoder that the library does not compute."""


def _refuse_unfit(sizes: CodecSizes) -> None:
    """Raises _Unfit."""
    blocks = len(sizes.rates)
    spread, units = _points(sizes.spread_together, layout.UP_TAPS), _points(sizes.units_together, layout.TAPS)
    whole = [sizes.codebook_dim // 2, sizes.latent, sizes.hidden, sizes.head_dim, sizes.intermediate, sizes.channels]
    fit = (
        not sizes.codebook_dim % 2
        and not any(width % _LANES for width in whole)
        and 0 < len(sizes.ratios) <= kernel.MOST_STAGES
        and 0 < blocks <= kernel.MOST_BLOCKS
        and len(spread) == len(units) == blocks
        and min(units) > 0
        and max(spread + units) <= kernel.MOST_POINTS
    )
    if not fit:
        raise _Unfit


def _weights(constants: Mapping[str, NDArray[Any]], shapes: layout.Shapes) -> list[NDArray[np.float32]]:
    """Raises _Unfit."""
    return [_weight(constants, name, shape) for name, shape in shapes.items()]


def _weight(constants: Mapping[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    found = constants.get(name)
    if found is None:
        points = [constants.get(layout.point_name(name, point)) for point in range(shape[0])]
        matrices = [each for each in points if each is not None and each.shape == shape[1:]]
        if len(matrices) < len(points):
            raise _Unfit(name)
        found = np.stack(matrices)
    if found.dtype != np.float32 or [each for each in found.shape if each != 1] != [
        each for each in shape if each != 1
    ]:
        raise _Unfit(name)
    return np.require(found, requirements=["C", "ALIGNED"])  # a file's values begin anywhere
