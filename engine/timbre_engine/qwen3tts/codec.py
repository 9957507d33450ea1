"""The codec decoder: codes to samples as a stream, by `codec.onnx` in ONNX Runtime.

The graph's inputs are `codes` and `state.X`, its outputs `pcm` and `next.X`; what happens in between is its own affair.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from timbre_common.errors import SetupError
from timbre_engine.qwen3tts import providers
from timbre_engine.qwen3tts.decoder import CODES, Decoder, Samples, Stop
from timbre_engine.qwen3tts.options import Provider

_PCM: Final = "pcm"
_STATE: Final = "state."
_NEXT: Final = "next."
FRAMES_TOGETHER: Final = 1
"""Frames of each stream in a run of several: from two on, sharing the weights gains little for the memory it takes."""
_TYPES: Final = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


class CodecState:
    """What the decoder looks back on: one of it a stream, used by one call at a time."""

    def __init__(self, values: list[ort.OrtValue]) -> None:
        self._values = values

    def copy(self) -> "CodecState":
        """A state that goes its own way from here. It costs nothing, since the values themselves never change."""
        return CodecState(self._values)


class Codec(Decoder[CodecState]):
    """The decoder loaded by ONNX Runtime."""

    most_frames = 4
    shares_runs = True

    def __init__(self, path: Path, threads: int = 1, *, provider: Provider = "cpu", gpu_layers: int = 0) -> None:
        """Load `codec.onnx`; `threads` compute one call. Raises SetupError that says what to do.

        `provider`, with the talker's `gpu_layers`: where it computes. States stay there.
        """
        self.threads = threads
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
        self.codebooks = inputs.pop(CODES).shape[2]
        self._names = [name.removeprefix(_STATE) for name in inputs]
        self._outputs = [_PCM, *(_NEXT + name for name in self._names)]
        self._fresh = [
            ort.OrtValue.ortvalue_from_numpy(np.zeros((1, *each.shape[1:]), _TYPES[each.type]))
            for each in inputs.values()
        ]

    def state(self) -> CodecState:
        return CodecState(self._fresh)

    def _decode_batch(self, codes: Sequence[NDArray[np.int64]], states: Sequence[CodecState]) -> list[Samples]:
        apart = self._device != "cpu"  # the states would have to leave the device to be put together
        if apart or len(codes) < 2 or not 0 < len(codes[0]) <= FRAMES_TOGETHER:
            return super()._decode_batch(codes, states)
        together = [
            ort.OrtValue.ortvalue_from_numpy(np.concatenate([value.numpy() for value in values]))
            for values in zip(*(state._values for state in states), strict=True)
        ]
        pcm, after = self._run_all(np.stack(codes), together)
        arrays = [value.numpy() for value in after]
        for stream, state in enumerate(states):
            state._values = [ort.OrtValue.ortvalue_from_numpy(array[stream : stream + 1]) for array in arrays]
        return list(pcm)

    def _run(self, codes: NDArray[np.int64], state: CodecState, stop: Stop) -> Samples:  # noqa: ARG002 -- a run ends itself
        pcm, state._values = self._run_all(codes[None], state._values)
        first: Samples = pcm[0]
        return first

    def _run_all(self, codes: NDArray[np.int64], values: list[ort.OrtValue]) -> tuple[Samples, list[ort.OrtValue]]:
        """codes: [streams, frames, codebooks]."""
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(CODES, ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(codes)))
        for name, value in zip(self._names, values, strict=True):
            binding.bind_ortvalue_input(_STATE + name, value)
        for name in self._outputs:
            binding.bind_output(name, "cpu" if name == _PCM else self._device)
        self._session.run_with_iobinding(binding)
        pcm, *after = binding.get_outputs()
        return np.asarray(pcm.numpy(), np.float32), after
