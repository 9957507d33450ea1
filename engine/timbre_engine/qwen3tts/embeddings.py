"""The talker's input vectors: rows of its table, and the codec embedding kept at full precision beside it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from timbre_engine.llama.rows import Rows
from timbre_engine.model.manifest import CODEC_EMBEDDING, TALKER, Manifest


class Embeddings:
    """T(x) and C(x) of the reference, each [hidden] float32."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        """Raises InvalidInput where a file is not the manifest's."""
        ids = manifest.text_ids
        self._text = Rows(directory / TALKER, "token_embd.weight", ids.vocabulary + manifest.codec_ids.vocabulary)
        self._codec = np.load(directory / CODEC_EMBEDDING, mmap_mode="r")
        self.pad, self.bos, self.eos = self._text.take([ids.tts_pad, ids.tts_bos, ids.tts_eos])

    def text(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """T of tokens: [tokens, hidden]."""
        return self._text.take(list(tokens))

    def codec(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        """C of tokens: [tokens, hidden]."""
        return np.asarray(self._codec[list(tokens)], np.float32)
