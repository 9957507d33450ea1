"""Everything of a loaded model, put together: what the worker and the commands compute with."""

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np

from timbre_engine import cpus
from timbre_engine.kernels import talker
from timbre_engine.llama import api
from timbre_engine.llama.context import ContextSettings
from timbre_engine.llama.model import Model
from timbre_engine.model import manifest as manifests
from timbre_engine.qwen3tts import compiled_codec, compiled_predictor, memory, providers
from timbre_engine.qwen3tts.adapted_predictor import AdaptedPredictor
from timbre_engine.qwen3tts.adapters import Adapters
from timbre_engine.qwen3tts.codec import Codec
from timbre_engine.qwen3tts.compiled_predictor import CompiledPredictor
from timbre_engine.qwen3tts.decoder import AnyDecoder
from timbre_engine.qwen3tts.embeddings import Embeddings
from timbre_engine.qwen3tts.options import Options, Provider
from timbre_engine.qwen3tts.predictor import Predictor
from timbre_engine.qwen3tts.references import References
from timbre_engine.qwen3tts.sampling import Draw
from timbre_engine.qwen3tts.talker import Talker
from timbre_engine.qwen3tts.voice_files import VoiceFiles

_log = logging.getLogger(__name__)
_Made = TypeVar("_Made")

_WIDER: Final = ("AVX512", "AVX_VNNI")
"""Extensions for which llama.cpp has products of its own, and the kernel for the talker has not."""


class Machine:
    """Raises SetupError or InvalidInput where the directory or the library is not right; DigestMismatch where the
    model is another than the options name, before anything of it is loaded.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.manifest = manifests.read(options.model, options.model_digest)
        if options.model_digest is not None:
            manifests.verify(options.model, self.manifest)
        ids = self.manifest.text_ids
        head = slice(ids.vocabulary, ids.vocabulary + self.manifest.codec_ids.vocabulary)
        library = api.library(options.llama_library)
        self.model = _talker_model(options, library)
        settings = ContextSettings(
            sequences=min(options.lane_slots, options.slots),
            positions=options.positions,
            threads=options.threads or cpus.talker_threads(),
            exact=options.exact,
        )
        self.talker = Talker(self.model, settings, options.slots, head)
        self.predictor = AdaptedPredictor(_predictor(options, self.manifest), self.manifest.predictor)
        self.codec = _codec(options)
        self.table = Embeddings(library, options.model, self.manifest)
        self.adapters = Adapters(options, self.manifest, self.model, self.talker, self.predictor)
        self.references = References(options.adapters, self.manifest, self.codec, self.talker)
        self.files = VoiceFiles(
            self.adapters, self.references, self.manifest, self.table, self.model.tokenize, options.positions
        )

    def warm(self) -> None:
        """Run each part once, so that the first utterance finds memory and caches ready."""
        vector = self.table.pad[None]
        sequence = self.talker.open(())
        self.talker.prefill(sequence, np.repeat(vector, 8, axis=0))
        hidden, _ = self.talker.step([sequence], vector)
        self.talker.close(sequence)
        draw = Draw(self.manifest.predictor_sampling, np.random.default_rng(0))
        self.predictor.predict(hidden, vector, [draw], [()])
        for frames in (1, 2, 4):
            self.codec.decode(np.zeros((frames, self.manifest.codec.codebooks), np.int32), self.codec.state())
        self.give_back()
        memory.take_huge_pages()

    def give_back(self) -> None:
        """Memory that nothing needs, in some milliseconds."""
        self.model.give_back()
        memory.trim()

    def close(self) -> None:
        """Free the library's memory."""
        self.talker.shut()
        self.model.close()


def _talker_model(options: Options, library: Any) -> Model:
    alone = not options.threads and cpus.talker_threads() == 1 and not options.gpu_layers
    wider = any(name.startswith(_WIDER) for name in api.instructions(library))
    weights = talker.weights(library) if alone and not wider else None
    model = Model(library, options.model / manifests.TALKER, gpu_layers=options.gpu_layers, weights=weights)
    _log.info("the talker computes by llama.cpp%s", " and its compiled kernel" if model.tiled else "")
    return model


def _predictor(options: Options, manifest: manifests.Manifest) -> CompiledPredictor | Predictor:
    path, provider = options.model / manifests.PREDICTOR, options.predictor_provider
    threads, gpu_layers = options.predictor_threads, options.gpu_layers
    sizes = manifest.talker.hidden, manifest.predictor
    made = _compiled(lambda: compiled_predictor.compiled(path, *sizes), "code predictor", threads, provider, gpu_layers)
    return made or Predictor(
        path, threads=threads or cpus.predictor_threads(), provider=provider, gpu_layers=gpu_layers
    )


def _codec(options: Options) -> AnyDecoder:
    path, provider = options.model / manifests.CODEC, options.codec_provider
    threads, gpu_layers = options.codec_threads, options.gpu_layers
    made = _compiled(lambda: compiled_codec.compiled(path), "codec", threads, provider, gpu_layers)
    return made or Codec(path, threads or cpus.codec_threads(), provider=provider, gpu_layers=gpu_layers)


def _compiled(
    load: Callable[[], _Made | None], what: str, threads: int, provider: Provider, gpu_layers: int
) -> _Made | None:
    """By its kernel where that has such a form, on the CPU and with no threads asked for; and say which."""
    on_cpu = providers.device_for(provider, gpu_layers) == "cpu"
    made = load() if on_cpu and not threads else None
    _log.info("the %s computes by %s", what, "ONNX Runtime" if made is None else "its compiled kernel")
    return made
