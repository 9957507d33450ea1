"""A line as training lays it out is the engine's prompt, and what the engine feeds after it, vector by vector."""

import json
from pathlib import Path

import numpy as np
import pytest

from timbre_common.errors import InvalidInput
from timbre_engine.qwen3tts import prompt
from timbre_engine.qwen3tts.machine import Machine
from timbre_loras.train import base_config
from timbre_loras.train.layout import NONE, Prompt, lay_out
from train.conftest import Paths

EOS = 2150
FRAMES = 6


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("tokens", [[7], [7, 8, 9], list(range(7, 7 + FRAMES)), list(range(7, 27))])
@pytest.mark.parametrize("voice", ["nobody", "speaker", "vector"])
@pytest.mark.parametrize("language", ["auto", "french"])
def test_it_is_the_engines(
    full: bool, tokens: list[int], voice: str, language: str, paths: Paths, named: Machine
) -> None:
    base, table, ids = base_config.read(paths.named), named.table, named.manifest.codec_ids
    codes = np.random.default_rng(0).integers(0, 2048, (FRAMES, 16), np.int32)
    vector = np.full(128, 0.5, np.float32)
    speaker = base.speaker("vivian")
    given = Prompt(
        role=[601, 262, 10],
        language=base.language(language),
        speaker=speaker if voice == "speaker" else None,
        vector=voice == "vector",
        full=full,
    )
    laid = lay_out(tokens, codes[:, 0].astype(np.int64), given, base)

    rows = {"nobody": None, "speaker": table.codec([speaker])[0], "vector": vector}
    frame = prompt.Frame(role=[601, 262, 10], language=base.language(language), speaker=rows[voice])
    opening = prompt.whole(tokens, ids, table) if full else prompt.streaming(tokens[0], ids, table)
    joining = np.repeat(table.pad[None], FRAMES, axis=0)
    if not full:
        trailing = np.concatenate([table.text(tokens[1:]), table.eos[None]])[:FRAMES]
        joining[: len(trailing)] = trailing
    expected = np.concatenate([prompt.prefix(frame, ids, table), opening, table.frames(codes) + joining])

    made = table.text(laid.text.tolist())
    there = laid.codec != NONE
    made[there] += table.codec(laid.codec[there].tolist())
    if laid.vector is not None:
        made[laid.vector] += vector
    made[laid.first + 1 :] += table.frames(codes)
    np.testing.assert_allclose(made, expected, atol=1e-6)
    assert laid.targets.tolist() == [*codes[:, 0].tolist(), EOS]
    assert len(made) - laid.first == len(laid.targets)


def test_a_speakers_dialect_takes_the_place_of_chinese(paths: Paths) -> None:
    base = base_config.read(paths.named)
    dialect = base.language("sichuan_dialect")
    found = {name: base.language(name, "eric") for name in ("auto", "chinese", "english")}
    assert found == {"auto": dialect, "chinese": dialect, "english": 2050}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"model_type": "llama"}, "model_type"),
        ({"talker_config": {}}, "talker_config"),
        ({"tts_pad_token_id": "x"}, "tts_pad"),
    ],
)
def test_a_config_that_is_no_base_is_refused(change: dict[str, object], why: str, paths: Paths, tmp_path: Path) -> None:
    config = json.loads((paths.base / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InvalidInput, match=why):
        base_config.read(tmp_path)
