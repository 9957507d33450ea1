"""A context: the KV cache of several sequences over one model, driven with embeddings."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import EngineUnavailable, SetupError
from timbre_engine.llama import api
from timbre_engine.llama.model import Adapter, Model, adapter_arrays

_POSITION_SECTIONS: Final = 4
"""An M-RoPE model takes four positions a token, laid out section by section; the first three are the position."""
_BATCH: Final = 32
"""Positions of one call: what the compute buffers are made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextSettings:
    """How a context is made."""

    sequences: int
    """Sequences that it holds at once."""
    positions: int
    """Positions of one sequence."""
    threads: int
    """Threads of a decode call."""
    exact: bool = False
    """float32 KV cache and no flash attention: as the official implementation computes, and slower."""


class Context:
    """For one thread at a time."""

    def __init__(self, model: Model, settings: ContextSettings) -> None:
        """Raises SetupError where there is not enough memory."""
        self._library = model.library
        self._model = model
        self.settings = settings
        params = self._library.llama_context_default_params()
        params.n_ctx = settings.sequences * settings.positions
        params.n_seq_max = settings.sequences
        params.kv_unified = True  # so that a sequence's saved state fits a context of any size; 1 to 3 % slower
        params.n_batch = params.n_ubatch = max(_BATCH, settings.sequences)
        params.n_outputs_max = settings.sequences
        params.n_threads = params.n_threads_batch = settings.threads
        params.flash_attn_type = api.FLASH_OFF if settings.exact else api.FLASH_ON
        # Keys take half the memory in 8 bits; values would too, and each step would unpack all of them.
        types = (api.TYPE_F32, api.TYPE_F32) if settings.exact else (api.TYPE_Q8_0, api.TYPE_F16)
        params.type_k, params.type_v = types
        params.embeddings = True
        self._handle = self._library.llama_init_from_model(model.handle, params)
        if not self._handle:
            raise SetupError("llama.cpp cannot make a context: is there enough memory?")
        self._memory = self._library.llama_get_memory(self._handle)

    def set_adapters(self, adapters: Sequence[tuple[Adapter, float]]) -> None:
        """Apply adapters at their scales to everything decoded from now on, in place of those before."""
        handles, scales = adapter_arrays(adapters)
        if self._library.llama_set_adapters_lora(self._handle, handles, len(adapters), scales):
            raise EngineUnavailable("llama.cpp does not apply the adapter")

    def prefill(self, sequence: int, position: int, embeddings: NDArray[np.float32]) -> None:
        """Take in embeddings [n, hidden] of one sequence from `position` on, without an answer.

        Raises EngineUnavailable.
        """
        self._library.llama_set_embeddings(self._handle, False)
        try:
            for start in range(0, len(embeddings), _BATCH):
                part = embeddings[start : start + _BATCH]
                count = len(part)
                positions = np.arange(position + start, position + start + count, dtype=np.int32)
                self._decode(part, positions, np.full(count, sequence, np.int32), output=False)
        finally:
            self._library.llama_set_embeddings(self._handle, True)

    def step(
        self, sequences: Sequence[int], positions: Sequence[int], embeddings: NDArray[np.float32], head: slice
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """One position of each of several sequences: embeddings [n, hidden].

        Returns the hidden states after the final norm [n, hidden], and the logits in `head` [n, logits]. Raises
        EngineUnavailable.
        """
        self._decode(embeddings, np.array(positions, np.int32), np.array(sequences, np.int32), output=True)
        count = len(sequences)
        hidden = np.empty((count, self._model.hidden), np.float32)
        logits = np.empty((count, head.stop - head.start), np.float32)
        for row in range(count):
            hidden[row] = _row(self._library.llama_get_embeddings_ith(self._handle, row), self._model.hidden)
            logits[row] = _row(self._library.llama_get_logits_ith(self._handle, row), self._model.vocabulary)[head]
        return hidden, logits

    def _decode(
        self, embeddings: NDArray[np.float32], positions: NDArray[np.int32], sequences: NDArray[np.int32], output: bool
    ) -> None:
        count = len(positions)
        vectors = np.ascontiguousarray(embeddings, np.float32)
        sections = np.zeros((_POSITION_SECTIONS, count), np.int32)
        sections[:3] = positions
        wanted = np.full(count, output, np.int8)
        ones = np.ones(count, np.int32)
        addresses = np.uint64(sequences.ctypes.data) + np.arange(count, dtype=np.uint64) * np.uint64(4)
        batch = api.Batch(
            n_tokens=count,
            embd=_pointer(vectors, ctypes.c_float),
            pos=_pointer(sections, ctypes.c_int32),
            n_seq_id=_pointer(ones, ctypes.c_int32),
            seq_id=ctypes.cast(addresses.ctypes.data, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
            logits=_pointer(wanted, ctypes.c_int8),
        )
        status = self._library.llama_decode(self._handle, batch)
        if status:
            raise EngineUnavailable(f"llama.cpp could not decode (status {status})")

    def forget(self, sequence: int, from_position: int = 0) -> None:
        """Drop a sequence's positions from one on."""
        self._library.llama_memory_seq_rm(self._memory, sequence, from_position, -1)

    def save(self, sequence: int) -> bytes:
        """The KV cache of a sequence, for `restore` into a context set alike, of any number of sequences."""
        size = self._library.llama_state_seq_get_size(self._handle, sequence)
        buffer = ctypes.create_string_buffer(size)
        written = self._library.llama_state_seq_get_data(self._handle, buffer, size, sequence)
        return buffer.raw[:written]

    def restore(self, sequence: int, state: bytes) -> None:
        """Put a saved KV cache into an empty sequence. Raises EngineUnavailable."""
        if not self._library.llama_state_seq_set_data(self._handle, state, len(state), sequence):
            raise EngineUnavailable("llama.cpp does not take a voice's cached prefix back")

    def close(self) -> None:
        """Free it."""
        if self._handle:
            self._library.llama_free(self._handle)
            self._handle = None


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))


def _row(pointer: Any, length: int) -> NDArray[np.float32]:
    return np.ctypeslib.as_array(pointer, (length,))
