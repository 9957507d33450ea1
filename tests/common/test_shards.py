"""The voices document in parts."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from timbre_common import shards
from timbre_common.documents import Voice, VoicesDocument
from timbre_common.errors import InvalidInput, TooLarge
from timbre_common.sources import Http
from timbre_common.voiceprofile import Adapter, Prosody, Style

STYLES = ("happy", "sad", "angry", "shy", "alert", "thinking")
CONFIG_MAP = 1 << 20


def document(voices: int, generation: int = 1) -> VoicesDocument:
    """Voices with six styles each, all different."""
    chance = random.Random(7)

    def one(index: int) -> Voice:
        styles = {name: Style(speed=chance.uniform(0.5, 2), pitch=chance.uniform(-12, 12)) for name in STYLES}
        digest = f"sha256:{chance.randbytes(32).hex()}"
        adapter = Adapter(http=Http(url=f"https://voices.example.com/{index}.gguf"), digest=digest)
        return Voice(name=f"agent-{index:05}", languages=["fr", "en"], adapter=adapter, prosody=Prosody(styles=styles))

    return VoicesDocument(generation=generation, voices=[one(index) for index in range(voices)])


def test_a_thousand_voices_with_six_styles_fit_into_one_config_map() -> None:
    wanted = document(1000)
    (part,) = shards.split(wanted)
    assert len(part) < CONFIG_MAP
    assert shards.join([part]) == wanted


def test_a_larger_document_has_more_parts_that_fit() -> None:
    wanted = document(6000)
    parts = shards.split(wanted)
    assert 1 < len(parts) <= shards.MOST
    assert all(len(part) < CONFIG_MAP for part in parts)
    assert shards.join(reversed(parts)) == wanted


def test_a_document_past_the_last_part_is_refused() -> None:
    with pytest.raises(TooLarge, match="300 voices need more than 8 parts"):
        shards.split(document(300), limit=2000)


def test_the_same_voices_are_the_same_bytes() -> None:
    assert shards.split(document(20)) == shards.split(document(20))


def test_no_voice_is_a_document_too() -> None:
    assert shards.join(shards.split(document(0))) == document(0)


OLD, NEW = shards.split(document(40, 4), 3000), shards.split(document(50, 5), 3000)
ALIEN: list[dict[str, Any]] = [{"generation": 1, "index": index, "count": 2, "voices": []} for index in (0, 5)]
SMALL = shards.split(document(1, 6))


@pytest.mark.parametrize(
    ("parts", "generation"),
    [
        (OLD, 4),
        ([*NEW, *OLD], 5),
        ([*NEW[:1], *OLD], 4),
        ([*SMALL, *NEW[1:]], 6),
    ],
)
def test_the_newest_whole_generation_counts(parts: list[bytes], generation: int) -> None:
    assert shards.join(parts).generation == generation


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "there is no part"),
        (OLD[1:], rf"generation 4 has {len(OLD) - 1} of {len(OLD)} parts"),
        ([*NEW[:1], *OLD[1:]], rf"generation 4 has .* generation 5 has 1 of {len(NEW)} parts"),
        ([b"no gzip"], "gzip"),
        ([OLD[0][:-9]], "breaks off"),
        ([gzip.compress(bytes(40 << 20))], "over 32 MiB"),
        ([gzip.compress(json.dumps(part).encode()) for part in ALIEN], "no generation is whole"),
        ([gzip.compress(b'{"generation": 1}')], "index"),
    ],
)
def test_a_torn_or_damaged_set_is_refused(parts: list[bytes], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        shards.join(parts)


def test_parts_are_read_from_a_folder(tmp_path: Path) -> None:
    assert shards.read(tmp_path) is None
    for index, part in enumerate(NEW):
        (tmp_path / shards.file_name(index)).write_bytes(part)
    (tmp_path / "other").write_bytes(b"something else")
    assert shards.read(tmp_path) == document(50, 5)
    (tmp_path / shards.file_name(0)).unlink()
    with pytest.raises(InvalidInput, match="no generation is whole"):
        shards.read(tmp_path)
