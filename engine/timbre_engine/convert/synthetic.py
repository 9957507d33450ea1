"""A whole checkpoint of random weights in true shapes: to measure speed and memory without a download."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput
from timbre_engine.convert import synthetic_codec
from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.pipeline import Progress, write
from timbre_engine.llama.source import Choice
from timbre_engine.model.manifest import Manifest, Quantisation

_TEXT_VOCABULARY: Final = 151_936
_FIRST_SPECIAL: Final = 151_643
_SPECIAL: Final = {
    "<|endoftext|>": _FIRST_SPECIAL,
    "<|im_start|>": _FIRST_SPECIAL + 1,
    "<|im_end|>": _FIRST_SPECIAL + 2,
    "<tts_pad>": _FIRST_SPECIAL + 28,
    "<tts_text_bos>": _FIRST_SPECIAL + 29,
    "<tts_text_eod>": _FIRST_SPECIAL + 30,
}
_LANGUAGES: Final = {
    "chinese": 2055, "english": 2050, "german": 2053, "italian": 2070, "portuguese": 2071,
    "spanish": 2054, "japanese": 2058, "korean": 2064, "french": 2061, "russian": 2069,
}  # fmt: skip
_SPEAKERS: Final = {"vivian": 3065, "ryan": 3061, "serena": 3066, "sohee": 2864}

SIZES: Final[dict[str, tuple[str, int, int]]] = {"0.6b": ("0b6", 1024, 3072), "1.7b": ("1b7", 2048, 6144)}
"""Size -> the checkpoint's word for it, the talker's width and its feed-forward's."""


class RandomCheckpoint(Checkpoint):
    """Gives random tensors of whatever shape is asked for."""

    def __init__(self, directory: Path, config: dict[str, Any]) -> None:
        self.directory = directory
        self.config = config
        self._random = np.random.default_rng(20_261_124)

    def take(self, name: str, shape: tuple[int, ...] | None = None) -> NDArray[np.float32]:
        """A tensor whose products stay near 1."""
        if shape is None:
            raise InvalidInput("its shape must be asked for", name)
        noise = self._random.standard_normal(shape, dtype=np.float32)
        if name.endswith("norm.weight"):
            return 1 + np.float32(0.1) * noise
        return noise * np.float32(0.05 if len(shape) == 1 else 1 / np.sqrt(shape[-1]))

    def skip(self, prefixes: Iterable[str]) -> list[str]:
        """There is nothing to skip."""
        del prefixes
        return []

    def refuse_unused(self) -> None:
        """There is nothing unused."""


def synthesize(
    target: Path, size: str, quantisation: Quantisation, work: Path, progress: Progress, library: Choice = "auto"
) -> Manifest:
    """Write a model directory of random weights; `work` takes what the converter reads. Raises as `convert` does."""
    if size not in SIZES:
        raise InvalidInput(f"one of {', '.join(SIZES)} is right, not {size!r}", "size")
    _write_tokenizer(work)
    tokenizer = work / "speech_tokenizer"
    synthetic_codec.write_codec_checkpoint(tokenizer, synthetic_codec.CONFIG)
    main = RandomCheckpoint(work, _config(size))
    return write(main, Checkpoint(tokenizer), f"synthetic-{size}", target, quantisation, progress, library)


def _config(size: str) -> dict[str, Any]:
    word, hidden, ffn = SIZES[size]
    shared = {"num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "rms_norm_eps": 1e-6}
    return {
        "model_type": "qwen3_tts",
        "tts_model_size": word,
        "tts_model_type": "custom_voice",
        "im_start_token_id": _SPECIAL["<|im_start|>"],
        "im_end_token_id": _SPECIAL["<|im_end|>"],
        "tts_pad_token_id": _SPECIAL["<tts_pad>"],
        "tts_bos_token_id": _SPECIAL["<tts_text_bos>"],
        "tts_eos_token_id": _SPECIAL["<tts_text_eod>"],
        "talker_config": {
            **shared,
            "vocab_size": 3072, "hidden_size": hidden, "intermediate_size": ffn, "num_hidden_layers": 28,
            "rope_theta": 1_000_000, "rope_scaling": {"mrope_section": [24, 20, 20]},
            "max_position_embeddings": 32_768, "num_code_groups": 16,
            "text_hidden_size": 2048, "text_vocab_size": _TEXT_VOCABULARY,
            "codec_eos_token_id": 2150, "codec_think_id": 2154, "codec_nothink_id": 2155, "codec_think_bos_id": 2156,
            "codec_think_eos_id": 2157, "codec_pad_id": 2148, "codec_bos_id": 2149,
            "codec_language_id": _LANGUAGES, "spk_id": _SPEAKERS,
            "code_predictor_config": {
                **shared,
                "hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 5, "rope_theta": 1_000_000,
            },
        },
    }  # fmt: skip


def _write_tokenizer(directory: Path) -> None:
    """Bytes alone, and the prompt's roles as words: every text can be read, into more tokens than a trained one's."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + at) for at, byte in enumerate(others)}
    vocabulary = {letters[byte]: byte for byte in range(256)}
    merges = []
    for word in ("assistant", "user"):
        for end in range(2, len(word) + 1):
            merges.append(f"{word[: end - 1]} {word[end - 1]}")
            vocabulary.setdefault(word[:end], len(vocabulary))
    added = {str(number): {"content": token} for token, number in _SPECIAL.items()}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (directory / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    (directory / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}), encoding="utf-8")
