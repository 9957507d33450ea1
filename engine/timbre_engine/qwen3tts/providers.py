"""Where ONNX Runtime computes: on the CPU, or on a GPU where the installed package has CUDA."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import onnxruntime as ort

from timbre_common.errors import SetupError
from timbre_engine.qwen3tts.options import Provider

_log = logging.getLogger(__name__)

Device = Literal["cpu", "cuda"]

CPU: Final = "CPUExecutionProvider"
CUDA: Final = "CUDAExecutionProvider"
_CUDA_OPTIONS: Final = {
    # Trying every algorithm for every length of chunk would hold up a stream's first frames.
    "cudnn_conv_algo_search": "HEURISTIC",
    # Its ten bits of mantissa are not the waveform that the engine promises.
    "use_tf32": "0",
}


def choose(wanted: Provider, offered: Sequence[str], gpu_layers: int) -> Device:
    """The device for what is wanted, with the providers that ONNX Runtime offers.

    `auto` goes where the talker goes: to the GPU if layers of it are there (`gpu_layers`) and CUDA is offered. Raises
    SetupError where CUDA is wanted and not offered.
    """
    if wanted == "cuda" and CUDA not in offered:
        raise SetupError(
            "ONNX Runtime has no CUDA here: install onnxruntime-gpu[cuda,cudnn] in place of onnxruntime, or choose the "
            "provider cpu"
        )
    on_gpu = wanted == "cuda" or (wanted == "auto" and gpu_layers > 0)
    return "cuda" if on_gpu and CUDA in offered else "cpu"


def device_for(wanted: Provider, gpu_layers: int) -> Device:
    """The device for what is wanted, with what the installed ONNX Runtime offers. Raises SetupError as `choose`."""
    return choose(wanted, ort.get_available_providers(), gpu_layers)


def session(path: Path, options: ort.SessionOptions, wanted: Provider, gpu_layers: int) -> ort.InferenceSession:
    """A loaded graph. Raises SetupError that says what to do.

    ONNX Runtime falls back to the CPU where CUDA's libraries do not load: that is refused where `cuda` was asked for.
    """
    chosen = device_for(wanted, gpu_layers)
    providers = [(CUDA, _CUDA_OPTIONS), CPU] if chosen == "cuda" else [CPU]
    if chosen == "cuda":
        ort.preload_dlls()  # those that pip installed, which the system's loader does not find
    try:
        made = ort.InferenceSession(path, options, providers=providers)
    except Exception as error:  # ONNX Runtime's errors have no root of their own
        reason = " ".join(str(error).split())
        raise SetupError(f"{path} cannot be loaded ({reason}): convert the checkpoint again") from error
    if chosen == "cuda" and device(made) == "cpu":
        told = "ONNX Runtime's CUDA does not start: are the CUDA and cuDNN that it was built for installed?"
        if wanted == "cuda":
            raise SetupError(told)
        _log.warning("%s %s computes on the CPU", told, path.name)
    return made


def device(made: ort.InferenceSession) -> Device:
    """Where a session computes."""
    return "cuda" if CUDA in made.get_providers() else "cpu"
