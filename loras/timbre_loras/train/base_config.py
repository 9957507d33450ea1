"""What training has to know of a base's `config.json`, as the Hub has it."""

from pathlib import Path
from typing import Final

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput, SetupError

FILE: Final = "config.json"
AUTO: Final = "auto"
"""The language that the model finds out by itself."""
_MODEL_TYPE: Final = "qwen3_tts"


class Talker(msgspec.Struct, frozen=True):
    """Sizes and codec tokens of the talker."""

    hidden_size: int
    num_code_groups: int
    codec_eos_token_id: int
    codec_pad_id: int
    codec_bos_id: int
    codec_think_id: int
    codec_nothink_id: int
    codec_think_bos_id: int
    codec_think_eos_id: int
    codec_language_id: dict[str, int]
    spk_id: dict[str, int] = {}
    spk_is_dialect: dict[str, bool | str] = {}


class BaseConfig(msgspec.Struct, frozen=True):
    """The base."""

    model_type: str
    tts_model_type: str
    """base, custom_voice or voice_design."""
    tts_pad_token_id: int
    tts_bos_token_id: int
    tts_eos_token_id: int
    talker_config: Talker

    def language(self, name: str, speaker: str = "") -> int | None:
        """Codec token of a language; None: the model finds out. A speaker's dialect takes the place of Chinese.

        Raises InvalidInput.
        """
        known = self.talker_config.codec_language_id
        if name != AUTO and name not in known:
            raise InvalidInput(f"the base has {', '.join(sorted(known))} and {AUTO}, not {name}", "language")
        dialect = self.talker_config.spk_is_dialect.get(speaker)
        if isinstance(dialect, str) and name in {AUTO, "chinese"}:
            return known[dialect]
        return known.get(name)

    def speaker(self, name: str) -> int:
        """The row of a named speaker. Raises InvalidInput."""
        known = self.talker_config.spk_id
        if name not in known:
            raise InvalidInput(f"the base has {', '.join(sorted(known)) or 'none'}, not {name}", "speaker")
        return known[name]


def read(directory: Path) -> BaseConfig:
    """The base in a directory. Raises SetupError where there is none, InvalidInput that names the field."""
    try:
        data = (directory / FILE).read_bytes()
    except OSError as error:
        raise SetupError(
            f"{directory} is no checkpoint: {FILE}: {error.strerror}; get one: timbre-engine pull"
        ) from error
    config = decoding.from_json(data, BaseConfig)
    if config.model_type != _MODEL_TYPE:
        raise InvalidInput(f"{_MODEL_TYPE} is right, not {config.model_type}", "model_type")
    return config
