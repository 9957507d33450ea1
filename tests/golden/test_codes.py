"""The language models give the official implementation's codes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support import golden
from timbre_common.documents import Voice
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.single import Request, codes_of
from timbre_engine.qwen3tts.specs import Clip

CASES = list(golden.cases())


@pytest.fixture(scope="module")
def machine(model_dir: Path, adapter_file: Path) -> Iterator[Machine]:
    machine = Machine(Options(model=model_dir, adapters=adapter_file.parent, slots=4, lane_slots=4, exact=True))
    yield machine
    machine.close()


def request(name: str, adapter: str) -> Request:
    """A golden case as a request."""
    case: dict[str, Any] = golden.cases()[name]
    clip = None
    if "clone" in case:
        clip = Clip(
            x_vector=np.array(case["clone"]["ref_spk_embedding"], np.float32),
            codes=np.array(case["clone"]["ref_code"], np.int32),
            text=case["ref_text"],
        )
    voice = Voice(
        name="golden",
        languages=["en"],
        speaker=case["speaker"] or None,
        adapter=Adapter(path=adapter) if name.startswith("lora") else None,
        sampling=Sampling(temperature=0.0, repetition_penalty=case.get("rep", 1.0)),
    )
    return Request(
        voice=voice,
        text=case["text"],
        language=case["language"],
        instructions=case.get("instruct"),
        clip=clip,
        streaming_text=case["streaming"],
        greedy=True,
        frames=case["frames"],
    )


@pytest.mark.parametrize("name", CASES)
def test_every_code_is_the_official_one(machine: Machine, adapter_file: Path, name: str) -> None:
    made = codes_of(machine, request(name, adapter_file.name))
    np.testing.assert_array_equal(made, golden.answers()[f"{name}.codes"])
