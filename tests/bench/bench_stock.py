"""llama.cpp's own speech path on the same talker: time to its first sample, speed, memory. Prints one JSON.

mtmd's C functions are driven as its helper (tools/mtmd/mtmd-helper-gen.cpp), which the prebuilt library lacks, does:
the whole text first, then frame by frame talker and predictor; each 72 frames, or the end, become samples in one call.
One utterance, after a short one that warms everything up; weights are random, so the end is at --frames.

Usage: bench_stock.py --model DIR [--frames 144] [--threads N]
"""

import argparse
import ctypes
import json
import statistics
import sys
import tempfile
import time
from ctypes import (
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_int32,
    c_size_t,
    c_uint32,
    c_void_p,
)
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import psutil
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).parents[1]))

from bench.stock_mmproj import write_mmproj
from timbre_engine import cpus
from timbre_engine.llama import api, prebuilt
from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Model
from timbre_engine.model import manifest as manifests

WINDOW = 72
"""Frames that become samples in one call; fewer cost as much."""
PROMPT = 10 + 25
"""Positions of the prompt with a text of 100 characters, at about four a token."""
GEN_CODE, GEN_WAV = 0, 1
QUIET = ctypes.CFUNCTYPE(None, c_int, c_char_p, c_void_p)(lambda *_: None)


class ContextParams(Structure):
    """mtmd_context_params."""

    _fields_ = (
        ("use_gpu", c_bool),
        ("device", c_void_p),
        ("print_timings", c_bool),
        ("n_threads", c_int),
        ("image_marker", c_char_p),
        ("media_marker", c_char_p),
        ("flash_attn_type", c_int),
        ("warmup", c_bool),
        ("image_min_tokens", c_int),
        ("image_max_tokens", c_int),
        ("cb_eval", c_void_p),
        ("cb_eval_user_data", c_void_p),
        ("batch_max_tokens", c_int32),
        ("progress_callback", c_void_p),
        ("progress_callback_user_data", c_void_p),
    )


class Input(Structure):
    """mtmd_gen_inp."""

    _fields_ = (
        ("type", c_int),
        ("code0", c_int32),
        ("embd", POINTER(c_float)),
        ("top_k", c_int32),
        ("top_p", c_float),
        ("seed", c_uint32),
        ("temp", c_float),
        ("codes", POINTER(c_int32)),
        ("n_codes", c_size_t),
        ("feats", POINTER(c_float)),
        ("n_feats", c_size_t),
        ("state_data", c_char_p),
        ("state_size", c_size_t),
    )


class Output(Structure):
    """mtmd_gen_out."""

    _fields_ = (
        ("codes", POINTER(c_int32)),
        ("n_codes", c_size_t),
        ("feats", POINTER(c_float)),
        ("n_feats", c_size_t),
        ("embd", POINTER(c_float)),
        ("is_eos", c_bool),
        ("audio", POINTER(c_float)),
        ("n_samples", c_size_t),
        ("state_data", c_void_p),
        ("state_size", c_size_t),
    )


class Stock:
    """The helper's pipeline: one sequence."""

    def __init__(self, directory: Path, mmproj: Path, threads: int) -> None:
        self.manifest = manifests.read(directory)
        self._library = library = api.library("prebuilt")
        with patch("timbre_engine.llama.pages.give_back"):  # which is the engine's own thrift
            self._model = Model(library, directory / manifests.TALKER)
        settings = ContextSettings(sequences=1, positions=512, threads=threads)
        self._context = Context(self._model, settings)
        for name, (result, arguments) in {
            "mtmd_log_set": (None, [type(QUIET), c_void_p]),
            "mtmd_context_params_default": (ContextParams, []),
            "mtmd_init_from_file": (c_void_p, [c_char_p, c_void_p, ContextParams]),
            "mtmd_gen_inp_default": (Input, [c_void_p]),
            "mtmd_gen_audio_process": (c_int32, [c_void_p, POINTER(Input), POINTER(Output)]),
        }.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        library.mtmd_log_set(QUIET, None)
        params = library.mtmd_context_params_default()
        assert (params.use_gpu, params.n_threads, params.batch_max_tokens) == (True, 4, 1024), "another layout"
        params.use_gpu, params.print_timings, params.warmup, params.n_threads = False, False, False, threads
        self._mtmd = library.mtmd_init_from_file(str(mmproj).encode(), self._model.handle, params)
        assert self._mtmd, "the mmproj does not load"
        self._table = self._whole_table()
        self.milliseconds: dict[str, list[float]] = {"talker": [], "predictor": [], "codec": []}

    def _whole_table(self) -> NDArray[np.float32]:
        """The helper keeps every token's embedding as float32."""
        ids = self.manifest.text_ids.vocabulary + self.manifest.codec_ids.vocabulary
        table = np.empty((ids, self._model.hidden), np.float32)
        copy = self._library._Z24llama_model_get_tok_embdPK11llama_modelPf
        copy.restype, copy.argtypes = c_uint32, [c_void_p, c_void_p]
        assert copy(self._model.handle, table.ctypes.data) == table.size
        return table

    def speak(self, frames: int) -> list[tuple[float, int]]:
        """When samples came, in seconds, and how many there were by then."""
        began = time.perf_counter()
        prompt = self._table[:PROMPT]
        self._context.forget(0)
        self._context.prefill(0, 0, prompt[:-1])
        vector, state = prompt[-1:], b""
        heard: list[tuple[float, int]] = []
        codes: list[NDArray[np.int32]] = []
        for frame in range(frames):
            hidden, logits = self._timed("talker", self._step, PROMPT - 1 + frame, vector)
            made, embedding = self._timed("predictor", self._predict, hidden, int(logits.argmax()))
            codes.append(made)
            vector = embedding[None] + self._table[self.manifest.text_ids.tts_pad]
            if len(codes) == WINDOW or frame == frames - 1:
                samples, state = self._timed("codec", self._decode, np.concatenate(codes), state)
                heard.append((time.perf_counter() - began, samples + (heard[-1][1] if heard else 0)))
                codes = []
        return heard

    def _timed(self, part: str, call: Any, *arguments: Any) -> Any:
        began = time.perf_counter()
        answer = call(*arguments)
        self.milliseconds[part].append((time.perf_counter() - began) * 1000)
        return answer

    def _step(self, position: int, vector: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        first = self.manifest.text_ids.vocabulary
        head = slice(first, first + self.manifest.codec_ids.codes)
        return self._context.step([0], [position], vector, head)

    def _predict(self, hidden: NDArray[np.float32], code: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        given = self._library.mtmd_gen_inp_default(self._mtmd)
        given.type, given.code0, given.embd = GEN_CODE, code, hidden.ctypes.data_as(POINTER(c_float))
        out = self._process(given)
        codes = np.ctypeslib.as_array(out.codes, (out.n_codes,)).copy()
        return codes, np.ctypeslib.as_array(out.embd, (self._model.hidden,)).copy()

    def _decode(self, codes: NDArray[np.int32], state: bytes) -> tuple[int, bytes]:
        given = self._library.mtmd_gen_inp_default(self._mtmd)
        given.type, given.codes, given.n_codes = GEN_WAV, codes.ctypes.data_as(POINTER(c_int32)), len(codes)
        given.state_data, given.state_size = state or None, len(state)
        out = self._process(given)
        return out.n_samples, ctypes.string_at(out.state_data, out.state_size)

    def _process(self, given: Input) -> Output:
        out = Output()
        assert self._library.mtmd_gen_audio_process(self._mtmd, ctypes.byref(given), ctypes.byref(out)) == 0
        return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a model directory; its talker and its sizes count")
    parser.add_argument("--frames", type=int, default=2 * WINDOW)
    parser.add_argument("--threads", type=int, default=cpus.available(), help="of everything")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        mmproj = Path(work) / "mmproj.gguf"
        write_mmproj(mmproj, manifests.read(arguments.model))
        stock = Stock(arguments.model, mmproj, arguments.threads)
        stock.speak(1)
        for values in stock.milliseconds.values():
            values.clear()
        heard = stock.speak(arguments.frames)
        seconds = heard[-1][1] / stock.manifest.codec.sample_rate
        report = {
            "library": f"{prebuilt.PACKAGE} {prebuilt.RELEASE}",
            "threads": arguments.threads,
            "utterances": 1,
            "audio_s": round(seconds, 2),
            "first_sample_ms": round(heard[0][0] * 1000),
            "real_time_factor": round(heard[-1][0] / seconds, 2),
            "memory_mb": round(psutil.Process().memory_full_info().pss / 1e6),
            "mmproj_mb": round(mmproj.stat().st_size / 1e6, 1),
            **{f"{part}_ms": round(statistics.median(values), 1) for part, values in stock.milliseconds.items()},
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
