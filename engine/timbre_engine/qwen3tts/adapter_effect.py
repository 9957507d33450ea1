"""How much an adapter changes what talker and code predictor give at several scales: measured in the engine itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from timbre_engine.llama import api
from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Adapter, Model
from timbre_engine.llama.source import Choice
from timbre_engine.model.manifest import PREDICTOR, TALKER, Manifest, Sampling
from timbre_engine.qwen3tts import adapter_file
from timbre_engine.qwen3tts.adapted_predictor import AdaptedPredictor
from timbre_engine.qwen3tts.adapter_file import AdapterFile
from timbre_engine.qwen3tts.embeddings import Embeddings, Vectors
from timbre_engine.qwen3tts.lanes import AppliedAdapter
from timbre_engine.qwen3tts.predictor import Predictor
from timbre_engine.qwen3tts.sampling import Draw

_POSITIONS: Final = 16
_CODEC_ONLY = slice(0, 1)
"""Of the logits; they are not looked at."""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter changes; None where it adapts nothing of it."""

    digest: str
    """`sha256:…` of the file."""
    scales: Sequence[float]
    changes: list[float] | None
    """For each scale, the change of the talker's hidden states against those without, relative to these (norms)."""
    predictor: list[float] | None
    """For each scale, the share, 0 to 1, of the predictor's codes that are others than without."""


def measure(
    model_dir: Path, manifest: Manifest, file: AdapterFile, scales: Sequence[float], choice: Choice = "auto"
) -> Effect:
    """The file was looked at: `adapter_file.check`. Raises InvalidInput where the model does not take it."""
    library = api.library(choice)
    model = Model(library, model_dir / TALKER)
    random = np.random.default_rng(0)
    tokens, codes = (
        random.integers(0, count, _POSITIONS).tolist()
        for count in (manifest.text_ids.vocabulary, manifest.codec_ids.codes)
    )
    try:
        table = Embeddings(library, model_dir, manifest)
        inputs: Vectors = table.text(tokens) + table.codec(codes)  # stand for speech
        plain = _hidden(model, [], inputs)
        loaded = Adapter(model, file.path)
        try:
            adapted = [_hidden(model, [(loaded, scale)], inputs) for scale in scales if file.rank]
            applied = [AppliedAdapter(file.digest, scale, loaded) for scale in scales]
            others = _other_codes(model_dir, manifest, file, applied, (plain, table.codec(codes)))
        finally:
            loaded.close()
    finally:
        model.close()
    changes = [float(np.linalg.norm(each - plain) / np.linalg.norm(plain)) for each in adapted]
    return Effect(digest=file.digest, scales=scales, changes=changes or None, predictor=others or None)


def _other_codes(
    model_dir: Path, manifest: Manifest, file: AdapterFile, applied: Sequence[AppliedAdapter], inputs: Sequence[Vectors]
) -> list[float]:
    """The share of each; none where the predictor is not adapted. inputs: hidden states and code 0's embeddings."""
    if file.predictor is None:
        return []
    predictor = AdaptedPredictor(Predictor(model_dir / PREDICTOR), manifest.predictor)
    predictor.refuse_unadaptable()
    predictor.hold(file.digest, file.predictor.alpha, adapter_file.matrices(file.predictor))
    draws = [Draw(Sampling(temperature=0), np.random.default_rng(0))] * _POSITIONS
    hidden, embeddings = inputs
    plain, *others = (
        predictor.predict(hidden, embeddings, draws, [key] * _POSITIONS)[0]
        for key in [(), *((each,) for each in applied)]
    )
    return [float((each != plain).mean()) for each in others]


def _hidden(model: Model, adapters: Sequence[tuple[Adapter, float]], inputs: Vectors) -> NDArray[np.float32]:
    """[positions, hidden], from an empty context."""
    context = Context(model, ContextSettings(sequences=1, positions=256, threads=1, exact=True))
    try:
        context.set_adapters(adapters)
        steps = [context.step([0], [at], inputs[at : at + 1], _CODEC_ONLY)[0] for at in range(len(inputs))]
    finally:
        context.close()
    return np.concatenate(steps)
