"""The codec decoder: codes to samples as a stream, by `codec.onnx` in ONNX Runtime.

The graph's inputs are `codes` and `state.X`, its outputs `pcm` and `next.X`; what happens in between is its own affair.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput, SetupError
from timbre_engine.qwen3tts import providers
from timbre_engine.qwen3tts.options import Provider

_CODES: Final = "codes"
_PCM: Final = "pcm"
_STATE: Final = "state."
_NEXT: Final = "next."
_MOST_FRAMES: Final = 4
"""Frames in one run: more are no faster, and memory grows with them. Any cutting gives the same samples."""
FRAMES_TOGETHER: Final = 1
"""Frames of each stream in a run of several: from two on, sharing the weights gains little for the memory it takes."""
_TYPES: Final = {"tensor(float)": np.float32, "tensor(int64)": np.int64}

Codes = NDArray[np.integer[Any]]
Samples = NDArray[np.float32]


class CodecState:
    """What the decoder looks back on: one of it a stream, used by one call at a time."""

    def __init__(self, values: list[ort.OrtValue]) -> None:
        self._values = values

    def copy(self) -> "CodecState":
        """A state that goes its own way from here. It costs nothing, since the values themselves never change."""
        return CodecState(self._values)


class Codec:
    """The loaded decoder. Calls may come from any thread, several at once, as long as each state is in one of them."""

    def __init__(self, path: Path, threads: int = 1, *, provider: Provider = "cpu", gpu_layers: int = 0) -> None:
        """Load `codec.onnx`; `threads` compute one call. Raises SetupError that says what to do.

        `provider`, with the talker's `gpu_layers`: where it computes. States stay there.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # What a run computes in is kept in an arena for the next: malloc would take twice as much for such pieces. The
        # weights stay outside, where they are freed once they are laid out for speed.
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        options.enable_mem_pattern = False  # a plan for each length of chunk would hold on to memory and gain nothing
        # The default order makes the next states last, and keeps what they are cut from until then.
        options.execution_order = ort.ExecutionOrder.PRIORITY_BASED
        # A thread that spins while it waits takes the core from the language models, several times the work it saves.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = providers.session(path, options, provider, gpu_layers)
        self._device = providers.device(self._session)
        properties = self._session.get_modelmeta().custom_metadata_map
        try:
            self.codebook_size = int(properties["codebook_size"])
            self.samples_per_frame = int(properties["samples_per_frame"])
        except (KeyError, ValueError) as error:
            raise SetupError(f"{path} is no codec ({error}): convert the checkpoint again") from error
        inputs = {each.name: each for each in self._session.get_inputs()}
        self.codebooks: int = inputs.pop(_CODES).shape[2]
        self._names = [name.removeprefix(_STATE) for name in inputs]
        self._outputs = [_PCM, *(_NEXT + name for name in self._names)]
        self._fresh = [
            ort.OrtValue.ortvalue_from_numpy(np.zeros((1, *each.shape[1:]), _TYPES[each.type]))
            for each in inputs.values()
        ]

    def state(self) -> CodecState:
        """The state of a stream that begins."""
        return CodecState(self._fresh)

    def check(self, codes: Codes, field: str = _CODES) -> NDArray[np.int64]:
        """Codes [frames, codebooks], as the decoder takes them. Raises InvalidInput that names the code."""
        array = np.asarray(codes)
        if array.ndim != 2 or array.shape[1] != self.codebooks or array.dtype.kind not in "iu":
            raise InvalidInput(f"whole numbers [frames, {self.codebooks}] are right", field)
        wrong = np.argwhere((array < 0) | (array >= self.codebook_size))
        if len(wrong):
            frame, book = wrong[0]
            raise InvalidInput(
                f"{array[frame, book]} is no code; 0 to {self.codebook_size - 1} are", f"{field}[{frame}][{book}]"
            )
        return array.astype(np.int64)

    def decode(self, codes: Codes, state: CodecState) -> Samples:
        """Codes [frames, codebooks] -> samples [frames * samples_per_frame] within [-1, 1]; moves the state on.

        Raises InvalidInput that names the code; the state is then as it was.
        """
        checked = self.check(codes)
        pieces = [np.zeros(0, np.float32)]
        for start in range(0, len(checked), _MOST_FRAMES):
            pcm, state._values = self._run(checked[None, start : start + _MOST_FRAMES], state._values)
            pieces.append(pcm[0])
        return np.concatenate(pieces)

    def decode_batch(self, codes: Sequence[Codes], states: Sequence[CodecState]) -> list[Samples]:
        """`decode` for several streams with equally many frames; in one run where that is faster, a state once each.

        Raises InvalidInput that names the stream and the code; the states are then as they were.
        """
        if len(codes) != len(states) or len({len(each) for each in codes}) > 1:
            raise InvalidInput("as many states as codes, and equally many frames each, are right", _CODES)
        checked = [self.check(each, f"{_CODES}[{stream}]") for stream, each in enumerate(codes)]
        apart = self._device != "cpu"  # the states would have to leave the device to be put together
        if apart or len(checked) < 2 or not 0 < len(checked[0]) <= FRAMES_TOGETHER:
            return [self.decode(each, state) for each, state in zip(checked, states, strict=True)]
        together = [
            ort.OrtValue.ortvalue_from_numpy(np.concatenate([value.numpy() for value in values]))
            for values in zip(*(state._values for state in states), strict=True)
        ]
        pcm, after = self._run(np.stack(checked), together)
        arrays = [value.numpy() for value in after]
        for stream, state in enumerate(states):
            state._values = [ort.OrtValue.ortvalue_from_numpy(array[stream : stream + 1]) for array in arrays]
        return list(pcm)

    def _run(self, codes: NDArray[np.int64], values: list[ort.OrtValue]) -> tuple[Samples, list[ort.OrtValue]]:
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(_CODES, ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(codes)))
        for name, value in zip(self._names, values, strict=True):
            binding.bind_ortvalue_input(_STATE + name, value)
        for name in self._outputs:
            binding.bind_output(name, "cpu" if name == _PCM else self._device)
        self._session.run_with_iobinding(binding)
        pcm, *after = binding.get_outputs()
        return np.asarray(pcm.numpy(), np.float32), after
