"""The talker's input vectors: rows of its table, and the codes' embeddings kept at full precision beside it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbre_engine.llama.rows import Rows
from timbre_engine.model.manifest import EMBEDDINGS, TALKER, Manifest

Vectors = NDArray[np.float32]


class Embeddings:
    """T(x) and C(x) of the reference, each [hidden] float32."""

    def __init__(self, library: Any, directory: Path, manifest: Manifest) -> None:
        """`library` is llama.cpp's. Raises InvalidInput where a file is not the manifest's."""
        ids = manifest.text_ids
        self._text = Rows(
            library, directory / TALKER, "token_embd.weight", ids.vocabulary + manifest.codec_ids.vocabulary
        )
        self._codes = np.load(directory / EMBEDDINGS, mmap_mode="r")
        self._vocabulary = manifest.codec_ids.vocabulary
        self._offsets = self._vocabulary + manifest.codec_ids.codes * np.arange(manifest.codec.codebooks - 1)
        self.pad: Vectors
        self.bos: Vectors
        self.eos: Vectors
        self.pad, self.bos, self.eos = self._text.take([ids.tts_pad, ids.tts_bos, ids.tts_eos])

    def text(self, tokens: Sequence[int]) -> Vectors:
        """T of tokens: [tokens, hidden]."""
        return self._text.take(list(tokens))

    def codec(self, tokens: Sequence[int]) -> Vectors:
        """C of tokens: [tokens, hidden]."""
        return np.asarray(self._codes[list(tokens)], np.float32)

    def frames(self, codes: NDArray[np.int32]) -> Vectors:
        """The sum of the embeddings of each frame's codes [frames, codebooks]: [frames, hidden]."""
        rest = self._codes[codes[:, 1:] + self._offsets]
        first: Vectors = self.codec(codes[:, 0].tolist())
        summed: Vectors = first + np.asarray(rest, np.float32).sum(axis=1)
        return summed
