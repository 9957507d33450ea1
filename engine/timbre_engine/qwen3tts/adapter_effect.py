"""How much an adapter changes the talker's hidden states at several scales: measured in llama.cpp itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_engine.llama import api
from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Adapter, Model
from timbre_engine.model.manifest import TALKER, Manifest
from timbre_engine.qwen3tts.embeddings import Embeddings, Vectors

_POSITIONS: Final = 16
_CODEC_ONLY = slice(0, 1)
"""Of the logits; they are not looked at."""


def changes(model_dir: Path, manifest: Manifest, adapter: Path, scales: Sequence[float]) -> list[float]:
    """For each scale, the change of the hidden states against those without the adapter, relative to these (norms).

    The file is trusted: `adapter_file.check` comes first. Raises InvalidInput where llama.cpp does not load it.
    """
    library = api.library("auto")
    model = Model(library, model_dir / TALKER)
    try:
        loaded = Adapter(model, adapter)
        try:
            inputs = _inputs(Embeddings(library, model_dir, manifest), manifest)
            plain = _hidden(model, [], inputs)
            adapted = [_hidden(model, [(loaded, scale)], inputs) for scale in scales]
        finally:
            loaded.close()
    finally:
        model.close()
    return [float(np.linalg.norm(each - plain) / np.linalg.norm(plain)) for each in adapted]


def _inputs(table: Embeddings, manifest: Manifest) -> Vectors:
    """Tokens and codes that stand for speech: [positions, hidden]."""
    random = np.random.default_rng(0)
    tokens = random.integers(0, manifest.text_ids.vocabulary, _POSITIONS)
    codes = random.integers(0, manifest.codec_ids.codes, _POSITIONS)
    vectors: Vectors = table.text(tokens.tolist()) + table.codec(codes.tolist())
    return vectors


def _hidden(model: Model, adapters: Sequence[tuple[Adapter, float]], inputs: Vectors) -> NDArray[np.float32]:
    """[positions, hidden], from an empty context."""
    context = Context(model, ContextSettings(sequences=1, positions=256, threads=1, exact=True))
    try:
        context.set_adapters(adapters)
        steps = [context.step([0], [at], inputs[at : at + 1], _CODEC_ONLY)[0] for at in range(len(inputs))]
    finally:
        context.close()
    return np.concatenate(steps)
