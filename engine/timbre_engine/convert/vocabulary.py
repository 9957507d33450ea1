"""The tokenizer as GGUF has it: byte-level BPE of Qwen2, with the codec's tokens behind the text's."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gguf import GGUFWriter, TokenType

from timbre_common.errors import InvalidInput, SetupError
from timbre_engine.convert.checkpoint import read_json
from timbre_engine.convert.config import Config


def write(writer: GGUFWriter, directory: Path, config: Config) -> None:
    """Add the tokens, merges and special ids. Raises SetupError or InvalidInput that names the file."""
    text, codec = config.text_ids, config.codec_ids
    tokens, types = _text_tokens(directory, text.vocabulary)
    tokens += _codec_names(config.talker_config, codec.vocabulary)
    types += [TokenType.CONTROL] * codec.vocabulary
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(_merges(directory / "merges.txt"))
    eos = text.vocabulary + codec.eos
    writer.add_eos_token_id(eos)
    writer.add_add_eos_token(False)
    writer.add_add_bos_token(False)
    special = range(text.vocabulary + codec.codes, text.vocabulary + codec.vocabulary)
    writer.add_array("tokenizer.ggml.suppress_tokens", [token for token in special if token != eos])


def _text_tokens(directory: Path, size: int) -> tuple[list[str], list[TokenType]]:
    """Added tokens are all CONTROL, so that text which looks like one stays text."""
    by_id = {number: token for token, number in read_json(directory / "vocab.json").items()}
    added = read_json(directory / "tokenizer_config.json").get("added_tokens_decoder", {})
    special = {int(number): str(token["content"]) for number, token in added.items()}
    if max([*by_id, *special], default=-1) >= size:
        raise InvalidInput(f"holds more than the model's {size} tokens", "vocab.json")
    tokens, types = [], []
    for number in range(size):
        if number in special:
            tokens.append(special[number])
            types.append(TokenType.CONTROL)
        elif number in by_id:
            tokens.append(str(by_id[number]))
            types.append(TokenType.NORMAL)
        else:
            tokens.append(f"[PAD{number}]")
            types.append(TokenType.UNUSED)
    return tokens, types


def _codec_names(talker_config: Mapping[str, Any], size: int) -> list[str]:
    names = [f"<|codec_{number}|>" for number in range(size)]
    for key, value in talker_config.items():
        if not key.endswith("_id"):
            continue
        role = key.removesuffix("_id")
        if isinstance(value, int):
            names[value] = f"<|{role}|>"
        elif isinstance(value, dict):
            for name, number in value.items():
                names[number] = f"<|{role}_{name}|>"
    return names


def _merges(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SetupError(f"{path}: {error.strerror}; the checkpoint is not whole") from error
    merges = [line for line in lines if line and not line.startswith("#version")]
    wrong = next((line for line in merges if line.count(" ") != 1), None)
    if wrong is not None:
        raise InvalidInput(f"a merge is two tokens, not {json.dumps(wrong[:40])}", path.name)
    return merges
