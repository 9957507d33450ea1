"""How the worker computes, as the engine hands it over on the command line."""

from pathlib import Path
from typing import Literal

import msgspec

from timbre_engine.llama.source import Choice
from timbre_engine.loras import Lora

Provider = Literal["auto", "cpu", "cuda"]
"""Where ONNX Runtime computes; auto: on the GPU if layers of the talker are there, and ONNX Runtime has CUDA."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the worker is told before it starts; as JSON in one argument."""

    model: Path
    """The model directory."""
    model_digest: str | None = None
    """Which model it has to be, all its files included; None: whichever it is, and no file's sum is looked at."""
    adapters: Path
    """The directory that the paths of adapters and references are relative to."""
    loras: tuple[Lora, ...] = ()
    """Adapters that may lie anywhere, since whoever started the engine named them."""
    slots: int
    """Utterances at once."""
    positions: int = 512
    """Positions of the talker's context that one run may take: the prompt and a frame of 80 ms each."""
    lane_slots: int = 2
    """Utterances of the same adapters that share a context, at most."""
    threads: int = 0
    """Threads of the talker by llama.cpp; 0: all but the codec's, up to four, and where that is one by the kernel what
    it multiplies."""
    predictor_threads: int = 0
    """Threads of the predictor by ONNX Runtime; 0: by its kernel, on one, and where there is none on up to four."""
    codec_threads: int = 0
    """Threads of the codec by ONNX Runtime, beside them; 0: by its kernel, on one, and where there is none on one or
    two."""
    llama_library: Choice = "auto"
    """Where llama.cpp's library is taken from."""
    gpu_layers: int = 0
    """Layers of the talker on a GPU."""
    codec_provider: Provider = "auto"
    """Where the codec computes."""
    predictor_provider: Provider = "cpu"
    """Where the predictor computes."""
    exact: bool = False
    """Compute as the official implementation does: float32 KV cache, no flash attention."""
    max_loaded_adapters: int = 8
    """Adapters in memory at most; the one unused for longest goes."""
    take_in: bool = True
    """Read adapters and take in prefixes while nothing speaks. A worker that replaces another does not: what ended that
    one may be an adapter, and would end each that follows."""
    max_rank: int = 64
    """Rank that an adapter may have."""


def encode(options: Options) -> str:
    """The options as one command-line argument."""
    return msgspec.json.encode(options, enc_hook=str).decode()


def decode(argument: str) -> Options:
    """The options in an argument."""
    return msgspec.json.decode(argument, type=Options, dec_hook=lambda _, value: Path(value))
