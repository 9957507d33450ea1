"""What can be set of an engine; the command line and the environment fill it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeFloat, NonNegativeInt, Port, PositiveFloat, PositiveInt
from cyclopts.validators import Number

from timbre_common import names
from timbre_engine.llama.source import Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every field is a flag, and an environment variable TIMBRE_ENGINE_<FIELD>."""

    backend: Literal["espeak", "qwen3tts"] | None = None
    """Which backend speaks. espeak: a demonstration voice that needs no weights; qwen3tts: the model in --model. Where
    it is not given: qwen3tts with a --model, espeak without one."""

    model: Path | None = None
    """A model directory, as `timbre-engine convert` makes it; chooses the backend qwen3tts."""

    model_digest: str | None = None
    """`sha256:…` of the model's model.json, as `timbre-engine inspect` prints it. Another model is not loaded, nor one
    with a file that is not the one that model.json names; without it no sum is looked at."""

    lora: Annotated[list[str], Parameter(negative=())] = field(default_factory=list)
    """A voice and its adapter, as name=path[:scale]; the file may lie anywhere. As often as wanted, beside --voices."""

    adapters: Path | None = None
    """The directory below which voices' adapters and references lie; without it `adapters` in the model directory."""

    positions: Annotated[int, Parameter(validator=Number(gte=128, lte=8192))] = 512
    """Positions of the talker's context a slot: the prompt and a frame of 80 ms each. Longer text is spoken in runs."""

    lane_slots: PositiveInt = 2
    """Slots that share a context at most, where they speak with the same adapters: they are computed together."""

    threads: NonNegativeInt = 0
    """Threads of the talker by llama.cpp. 0: up to four of the processors that the process may use, those of the codec
    left out; where one is left, the compiled kernel multiplies with matrices of Q4_K and Q6_K, on that thread."""

    predictor_threads: NonNegativeInt = 0
    """Threads of the predictor by ONNX Runtime. 0: by its compiled kernel, on one thread; where there is none, by ONNX
    Runtime on up to four of the processors that the process may use."""

    codec_threads: NonNegativeInt = 0
    """Threads of the codec by ONNX Runtime. 0: by its compiled kernel, on one thread; where there is none, by ONNX
    Runtime on one, or two where the process may use four processors or more."""

    llama_library: Choice = "auto"
    """llama.cpp's library. prebuilt: as xllamacpp's wheel carries it; native: as llama-cpp-python was built, here or
    for the image, with or without a GPU; auto: the first of them that is installed."""

    gpu_layers: NonNegativeInt = 0
    """Layers of the talker on a GPU, where the library was built for one."""

    codec_provider: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the codec computes. cuda wants onnxruntime-gpu in place of onnxruntime; auto: cuda where that is installed
    and --gpu-layers is not 0, else cpu."""

    predictor_provider: Literal["auto", "cpu", "cuda"] = "cpu"
    """Where the code predictor computes, as for the codec."""

    exact: bool = False
    """Compute as the official implementation does, slower: float32 KV cache and no flash attention."""

    max_loaded_adapters: PositiveInt = 8
    """Adapters in memory; any number can be known. The one unused for longest gives way, one that speaks never does."""

    max_rank: PositiveInt = 64
    """Rank that an adapter may have."""

    host: str = "127.0.0.1"
    """Address that speech clients connect to."""

    port: Port = names.ENGINE_PORT
    """Port that speech clients connect to; 0: a free one, which is logged."""

    admin_host: str = "127.0.0.1"
    """Address of the administration."""

    admin_port: Port = names.ENGINE_ADMIN_PORT
    """Port of the administration; 0: a free one, which is logged."""

    admin_token_file: Path | None = None
    """File that holds the administration's tokens, one a line: each is right, and it is read again when it changes.
    Without it TIMBRE_ENGINE_ADMIN_TOKEN holds one."""

    voices: Path | None = None
    """Voices document (JSON or YAML) to begin with; `PUT /admin/voices` replaces it, and what --lora names. With
    neither of them, a model's own speakers are the voices."""

    slots: PositiveInt = 4
    """Utterances made at once."""

    queue: NonNegativeInt = 16
    """Requests that wait for a slot; the next one is told to come back later (429)."""

    max_chars: PositiveInt = 4096
    """Characters of a request's `input`, at most."""

    max_stream_chars: PositiveInt = 100_000
    """Characters of an utterance whose text comes in pieces, over the WebSocket, at most."""

    idle_timeout: PositiveFloat = 30.0
    """Seconds that a stream may hold its slot while no text comes and nothing is left to say; then it ends."""

    send_timeout: PositiveFloat = 30.0
    """Seconds that a client may leave its audio unread; then it is dropped and its slot freed."""

    drain_timeout: NonNegativeFloat = 2.0
    """Seconds that running utterances have to finish when the engine is told to stop."""

    pace: str | None = None
    """Speak as slowly as a real model, such as rtf=0.9,first=250ms,stall=400ms@3s: seconds of work per second of audio,
    time to the first audio, and one pause of 400 ms before the audio at 3 s."""

    allow_origin: Annotated[list[str], Parameter(negative=())] = field(default_factory=list)
    """Web origins, beside this machine's own, whose pages may call the engine, such as https://speech.example."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged, on standard error. Texts and tokens never are."""
