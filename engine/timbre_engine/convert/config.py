"""A checkpoint's `config.json` as the manifest has it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from timbre_common.errors import InvalidInput
from timbre_engine.convert.checkpoint import read_json
from timbre_engine.model.manifest import CodecIds, Kind, Sampling, TextIds, Transformer

MODEL_TYPE: Final = "qwen3_tts"
_SPECIAL_CODEC_TOKENS: Final = 1024
"""The last rows of the codec vocabulary are special tokens, not codes."""
_DEFAULTS: Final = Sampling(temperature=0.9, top_k=50, top_p=1.0, repetition_penalty=1.05)


class Config:
    """Reads `config.json`; every error names the field."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Raises InvalidInput where it is no Qwen3-TTS model."""
        kind = config.get("model_type")
        if kind != MODEL_TYPE:
            raise InvalidInput(f"{MODEL_TYPE} is right, not {kind!r}: this is no Qwen3-TTS checkpoint", "model_type")
        self._top = config
        self.talker_config = _object(config, "talker_config")
        self.predictor_config = _object(self.talker_config, "code_predictor_config")

    @property
    def kind(self) -> Kind:
        """Where the voices come from."""
        value = self._top.get("tts_model_type")
        try:
            return Kind(str(value))
        except ValueError:
            allowed = ", ".join(Kind)
            raise InvalidInput(f"one of {allowed} is right, not {value!r}", "tts_model_type") from None

    @property
    def size(self) -> str:
        """Such as 0b6 or 1b7."""
        return str(self._top.get("tts_model_size", ""))

    @property
    def talker(self) -> Transformer:
        """Sizes of the talker."""
        return _transformer(self.talker_config, "talker_config")

    @property
    def predictor(self) -> Transformer:
        """Sizes of the code predictor."""
        return _transformer(self.predictor_config, "talker_config.code_predictor_config")

    @property
    def codebooks(self) -> int:
        """Codes of a frame."""
        return _int(self.talker_config, "num_code_groups")

    @property
    def rope_sections(self) -> list[int]:
        """Of the talker's M-RoPE: four numbers, the last 0."""
        sections = _object(self.talker_config, "rope_scaling").get("mrope_section")
        if not isinstance(sections, list) or len(sections) != 3 or not all(isinstance(n, int) for n in sections):
            raise InvalidInput("three numbers are right", "talker_config.rope_scaling.mrope_section")
        return [*sections, 0]

    @property
    def positions(self) -> int:
        """Positions that the talker was made for."""
        return _int(self.talker_config, "max_position_embeddings")

    @property
    def text_hidden(self) -> int:
        """Width of the text embedding before its projection."""
        return _int(self.talker_config, "text_hidden_size")

    @property
    def text_ids(self) -> TextIds:
        """Special tokens of the text track."""
        return TextIds(
            im_start=_int(self._top, "im_start_token_id"),
            im_end=_int(self._top, "im_end_token_id"),
            tts_pad=_int(self._top, "tts_pad_token_id"),
            tts_bos=_int(self._top, "tts_bos_token_id"),
            tts_eos=_int(self._top, "tts_eos_token_id"),
            vocabulary=_int(self.talker_config, "text_vocab_size"),
        )

    @property
    def codec_ids(self) -> CodecIds:
        """Special tokens of the codec track."""
        talker = self.talker_config
        vocabulary = _int(talker, "vocab_size")
        return CodecIds(
            pad=_int(talker, "codec_pad_id"),
            bos=_int(talker, "codec_bos_id"),
            eos=_int(talker, "codec_eos_token_id"),
            think=_int(talker, "codec_think_id"),
            nothink=_int(talker, "codec_nothink_id"),
            think_bos=_int(talker, "codec_think_bos_id"),
            think_eos=_int(talker, "codec_think_eos_id"),
            vocabulary=vocabulary,
            codes=vocabulary - _SPECIAL_CODEC_TOKENS,
        )

    @property
    def languages(self) -> dict[str, int]:
        """English name -> codec token."""
        return _ids(self.talker_config, "codec_language_id")

    @property
    def speakers(self) -> dict[str, int]:
        """Name -> codec token."""
        return _ids(self.talker_config, "spk_id")

    @property
    def dialects(self) -> dict[str, str]:
        """Speaker -> the language of its dialect."""
        found = self.talker_config.get("spk_is_dialect") or {}
        return {str(name).lower(): dialect for name, dialect in found.items() if isinstance(dialect, str)}


def sampling(directory: Path) -> tuple[Sampling, Sampling]:
    """The talker's and the predictor's defaults, from `generation_config.json` where there is one."""
    path = directory / "generation_config.json"
    found = read_json(path) if path.exists() else {}
    talker = Sampling(
        temperature=float(found.get("temperature", _DEFAULTS.temperature)) if found.get("do_sample", True) else 0.0,
        top_k=int(found.get("top_k", _DEFAULTS.top_k)),
        top_p=float(found.get("top_p", _DEFAULTS.top_p)),
        repetition_penalty=float(found.get("repetition_penalty", _DEFAULTS.repetition_penalty)),
    )
    predictor = Sampling(
        temperature=(
            float(found.get("subtalker_temperature", _DEFAULTS.temperature))
            if found.get("subtalker_dosample", True)
            else 0.0
        ),
        top_k=int(found.get("subtalker_top_k", _DEFAULTS.top_k)),
        top_p=float(found.get("subtalker_top_p", _DEFAULTS.top_p)),
    )
    return talker, predictor


def _transformer(config: Mapping[str, Any], where: str) -> Transformer:
    return Transformer(
        hidden=_int(config, "hidden_size", where),
        layers=_int(config, "num_hidden_layers", where),
        heads=_int(config, "num_attention_heads", where),
        kv_heads=_int(config, "num_key_value_heads", where),
        head_dim=_int(config, "head_dim", where),
        ffn=_int(config, "intermediate_size", where),
        rope_theta=float(config.get("rope_theta", 10_000)),
        norm_eps=float(config.get("rms_norm_eps", 1e-6)),
    )


def _object(config: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = config.get(field)
    if not isinstance(value, dict):
        raise InvalidInput("an object is right", field)
    return value


def _int(config: Mapping[str, Any], field: str, where: str = "") -> int:
    value = config.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidInput(f"a whole number is right, not {value!r}", f"{where}.{field}" if where else field)
    return value


def _ids(config: Mapping[str, Any], field: str) -> dict[str, int]:
    value = config.get(field) or {}
    if not isinstance(value, dict) or not all(isinstance(number, int) for number in value.values()):
        raise InvalidInput("names with token ids are right", f"talker_config.{field}")
    return {str(name).lower(): number for name, number in value.items()}
