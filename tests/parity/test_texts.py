"""The tokenizer gives the official one's ids, of a whole text and as speech takes it in word by word."""

from collections.abc import Callable

import pytest

from parity.asking import Answers
from parity.checkpoints import PLAIN, QWEN
from parity.texts import TEXTS
from timbre_common.documents import Voice
from timbre_engine.qwen3tts import specs
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.stream import Stream


@pytest.mark.parametrize("name", [PLAIN.name, QWEN.name])
@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_whole(name: str, number: int, machine_of: Callable[[str], Machine], official: Answers) -> None:
    assert machine_of(name).model.tokenize(TEXTS[number]) == official[f"{name}.{number}"].tolist()


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_word_by_word(number: int, machine_of: Callable[[str], Machine], official: Answers) -> None:
    assert spoken(machine_of(QWEN.name), TEXTS[number]) == official[f"{QWEN.name}.{number}"].tolist()


def spoken(machine: Machine, text: str) -> list[int]:
    wanted = specs.Wanted(voice=Voice(name="parity", languages=["en"]), language=None, seed=0)
    sequence = machine.talker.open(())
    stream = Stream(0, specs.make(wanted, (), machine.manifest, machine.table, machine.model.tokenize), sequence)
    for letter in text:
        stream.feed(letter)
    stream.end()
    stream.take_text(machine.model.tokenize)
    machine.talker.close(sequence)
    assert stream.run is not None and stream.run.ended
    return stream.run.tokens
