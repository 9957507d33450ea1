"""The language models give the official implementation's codes: alone, beside others, and gone on with elsewhere."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unicodedata import normalize

import numpy as np
import pytest

from support import golden
from support.process import BIN
from timbre_common.documents import Voice
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Offline, Request, codes_of
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.specs import Given

CASES = list(golden.cases())
ADAPTED = "lora_stream_french_vivian"
PLAIN = "stream_french_vivian"


@pytest.fixture(scope="module")
def machine(model_dir: Path, adapter_file: Path) -> Iterator[Machine]:
    options = Options(
        model=model_dir,
        adapters=adapter_file.parent,
        slots=4,
        lane_slots=4,
        llama_library=golden.LIBRARY,
        exact=True,
    )
    machine = Machine(options)
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


def expected(name: str) -> Any:
    return golden.answers()[f"{name}.codes"]


@pytest.mark.parametrize("name", CASES)
def test_every_code_is_the_official_one(machine: Machine, adapter_file: Path, name: str) -> None:
    made = codes_of(machine, request(name, adapter_file.name))
    np.testing.assert_array_equal(made, expected(name))


def test_decomposed_text_is_spoken_as_composed_text_is(machine: Machine, adapter_file: Path) -> None:
    text, style = "Déjà l'été à Nîmes.", "âgé"
    composed = replace(request(PLAIN, adapter_file.name), text=text, instructions=style, frames=6)
    decomposed = replace(composed, text=normalize("NFD", text), instructions=normalize("NFD", style))
    np.testing.assert_array_equal(codes_of(machine, decomposed), codes_of(machine, composed))


def test_all_at_once_joining_one_after_the_other(machine: Machine, adapter_file: Path) -> None:
    offline = Offline(machine)
    numbers = {}
    waiting = [name for name in CASES for _ in range(2)]
    running: list[int] = []
    while waiting or running:
        if waiting and len(running) < 4:
            number = offline.join(request(waiting[-1], adapter_file.name))
            numbers[number] = waiting.pop()
            running.append(number)
        offline.tick()
        for number in list(running):
            if len(offline.codes(number)) >= 16:
                offline.stop(number)
            if offline.finished(number):
                running.remove(number)
    assert len(numbers) == 12
    for number, name in numbers.items():
        np.testing.assert_array_equal(offline.codes(number)[:16], expected(name), err_msg=name)


def test_hidden_states_are_within_1e_5(machine: Machine, adapter_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    step = machine.talker.step

    def watched(*arguments: Any) -> Any:
        answer = step(*arguments)
        seen.append(answer)
        return answer

    monkeypatch.setattr(machine.talker, "step", watched)
    for name in CASES:
        seen.clear()
        codes_of(machine, request(name, adapter_file.name))
        hidden, logits = seen[0]
        assert np.abs(logits[0] - golden.answers()[f"{name}.first_logits"]).max() < 1e-5
        if name != ADAPTED:
            assert np.abs(hidden[0] - golden.answers()[f"{name}.first_hidden"]).max() < 1e-5


def test_adapters_swapped_a_thousand_times_leave_no_trace(model_dir: Path, adapter_file: Path) -> None:
    options = Options(
        model=model_dir,
        adapters=adapter_file.parent,
        slots=1,
        llama_library=golden.LIBRARY,
        exact=True,
        max_loaded_adapters=1,
    )
    machine = Machine(options)
    wanted = Adapter(path=adapter_file.name)
    machine.adapters.know(wanted, machine.adapters.check(wanted))
    for _ in range(500):
        key = machine.adapters.take([(wanted, 1.0)])
        machine.talker.close(machine.talker.open(key))
        machine.adapters.give_back(key)
        machine.talker.close(machine.talker.open(()))
    for name in (PLAIN, ADAPTED, PLAIN):
        np.testing.assert_array_equal(codes_of(machine, request(name, adapter_file.name)), expected(name))
    machine.close()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("frames", [1, 7, 15])
def test_another_engine_goes_on_where_one_stopped(machine: Machine, adapter_file: Path, name: str, frames: int) -> None:
    whole = request(name, adapter_file.name)
    given = Given(expected(name)[:frames], complete=False)
    rest = codes_of(machine, replace(whole, given=(given,), frames=16 - frames))
    np.testing.assert_array_equal(rest, expected(name)[frames:])


def test_the_command_makes_it_visible(model_dir: Path, adapter_file: Path) -> None:
    case = golden.cases()[ADAPTED]
    command = [
        *(BIN / "timbre-engine", "codes", model_dir, "--text", case["text"], "--language", case["language"]),
        *("--speaker", case["speaker"], "--lora", adapter_file, "--greedy", "--frames", "16", "--json"),
    ]
    answer = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    assert json.loads(answer.stdout) == {"codes": expected(ADAPTED).tolist()}


def test_the_command_repeats_what_a_seed_drew(model_dir: Path) -> None:
    drawn = []
    for seed in ("5", "5", "6"):
        command = [
            BIN / "timbre-engine",
            "codes",
            model_dir,
            "--text",
            "Oui.",
            "--frames",
            "6",
            "--seed",
            seed,
            "--json",
        ]
        answer = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
        drawn.append(json.loads(answer.stdout)["codes"])
    assert drawn[0] == drawn[1] != drawn[2] and len(drawn[0]) == 6
