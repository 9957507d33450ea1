"""Which backends there are, and how each is made."""

from collections.abc import Callable, Mapping
from typing import Final

from timbre_common.errors import InvalidInput, SetupError
from timbre_engine import loras, pace
from timbre_engine.backend import Backend
from timbre_engine.espeak.backend import EspeakBackend
from timbre_engine.paced import PacedBackend
from timbre_engine.settings import Settings


def _qwen3tts(settings: Settings) -> Backend:
    if settings.model is None:
        raise InvalidInput("the directory of a converted model is right (timbre-engine convert)", "--model")
    try:  # only here, since the demonstration voice does without what it needs
        from timbre_engine.qwen3tts.backend import Qwen3TTSBackend
        from timbre_engine.qwen3tts.options import Options
    except ImportError as error:
        raise SetupError(f"{error.name} is missing: install the extra `qwen3tts` (timbre-voices[qwen3tts])") from error
    return Qwen3TTSBackend(
        Options(
            model=settings.model,
            model_digest=settings.model_digest,
            adapters=settings.adapters or settings.model / "adapters",
            loras=loras.parse(settings.lora),
            slots=settings.slots,
            positions=settings.positions,
            lane_slots=settings.lane_slots,
            threads=settings.threads,
            predictor_threads=settings.predictor_threads,
            codec_threads=settings.codec_threads,
            llama_library=settings.llama_library,
            gpu_layers=settings.gpu_layers,
            codec_provider=settings.codec_provider,
            predictor_provider=settings.predictor_provider,
            exact=settings.exact,
            max_loaded_adapters=settings.max_loaded_adapters,
            max_rank=settings.max_rank,
        )
    )


def _espeak(settings: Settings) -> Backend:
    if settings.model is not None:
        raise InvalidInput("the backend espeak takes no model: one of the two is right", "--model")
    if settings.model_digest is not None:
        raise InvalidInput("it is a model's: name that with --model", "--model-digest")
    if settings.lora:
        raise InvalidInput("an adapter wants a model: name one with --model", loras.FLAG)
    return EspeakBackend(settings.slots)


_MAKERS: Final[Mapping[str, Callable[[Settings], Backend]]] = {"espeak": _espeak, "qwen3tts": _qwen3tts}


def make(settings: Settings) -> Backend:
    """The backend that the settings name, paced where they say so. Raises InvalidInput or SetupError."""
    chosen = settings.backend or ("espeak" if settings.model is None else "qwen3tts")
    backend = _MAKERS[chosen](settings)
    return backend if settings.pace is None else PacedBackend(backend, pace.parse(settings.pace))
