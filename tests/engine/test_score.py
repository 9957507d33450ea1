"""How far quantised forms are from float32: the measures by themselves, then two tiny directories side by side."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from support.process import BIN
from timbre_common.documents import Voice
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.voiceprofile import Sampling
from timbre_engine.convert import pipeline
from timbre_engine.model.manifest import EMBEDDINGS, Quantisation
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, codes_of_all
from timbre_engine.qwen3tts.options import Options
from timbre_engine.scoring import divergence, score, texts, words
from timbre_engine.scoring.forced import Forced
from timbre_engine.scoring.recogniser import Whisper

GREEDY = Voice(name="v", languages=["und"], speaker="vivian", sampling=Sampling(temperature=0, repetition_penalty=1))
REQUESTS = [
    Request(voice=GREEDY, text="Bonjour à tous.", language="fr", greedy=True, frames=7),
    Request(voice=GREEDY, text="Il pleut encore un peu ce soir.", language="fr", greedy=True, frames=5),
]


@pytest.mark.parametrize(
    ("expected", "made", "nats"),
    [
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([5.0, 4.0], [1.0, 0.0], 0.0),
        ([0.0, 0.0], [np.log(3), 0.0], 0.5 * np.log(4 / 3)),
        ([0.0, -1e6], [0.0, 0.0], np.log(2)),
    ],
)
def test_divergence(expected: list[float], made: list[float], nats: float) -> None:
    found = divergence.divergence(np.array([expected], np.float32), np.array([made], np.float32))
    np.testing.assert_allclose(found, [nats], atol=1e-6)


def test_a_head_is_summed_up() -> None:
    same = divergence.same(np.eye(4), np.eye(4)[[0, 1, 2, 0]])
    assert divergence.head(np.arange(21.0), same) == divergence.Head(kl=10.0, kl_95=19.0, top1=0.75)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("  Bonjour, à tous ! ", ["bonjour", "à", "tous"]),
        ("L’église, aujourd'hui", ["léglise", "aujourdhui"]),
        ("e\u0301te\u0301 ÉTÉ", ["été", "été"]),
        ("Straße ﬁn", ["strasse", "fin"]),
        ("今天，OK。", ["今", "天", "ok"]),
        ("天気です", ["天", "気", "で", "す"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("… —", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words.normalised(text) == found


@pytest.mark.parametrize(
    ("expected", "heard", "count"),
    [("a b c", "a b c", 0), ("a b c", "a x c", 1), ("a b c", "a c", 1), ("a b c", "a b b c", 1), ("", "a b", 2),
     ("a b", "", 2), ("a b c d", "b c d a", 2)],
)  # fmt: skip
def test_errors(expected: str, heard: str, count: int) -> None:
    assert words.errors(expected.split(), heard.split()) == count


def test_texts_are_cut_as_speech_is(tmp_path: Path) -> None:
    path = tmp_path / "texts"
    path.write_text(f"Un. [pause:1s] Deux.\n\n{'Une phrase de plus. ' * 20}\n", encoding="utf-8")
    found = [each.text for each in texts.read(path, "fr")]
    assert found[:2] == ["Un.", "Deux."] and len(found) == 4
    assert all(texts.runs_of(each) == [each] for each in found)
    assert texts.own({"french"})[1].language == "fr" and texts.own({"french"})[0].language == "auto"


@pytest.mark.parametrize("data", [b"", b" \n...\n", b"\xff\xfe", b"a" * (texts.MAX_BYTES + 1)])
def test_texts_that_say_nothing_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "texts"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="texts"):
        texts.read(path, "fr")


def test_a_recogniser_is_local_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(InvalidInput, match=r"asr_model: .* lacks config\.json, tokenizer\.json"):
        Whisper(tmp_path, 1)
    (tmp_path / "config.json").touch()
    (tmp_path / "tokenizer.json").touch()
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(SetupError, match="extra `asr`"):
        Whisper(tmp_path, 1)


MachineOf = Callable[[Quantisation], Machine]


@pytest.fixture(scope="module")
def directory_of(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Quantisation], Path]:
    """The tiny model in another form."""
    folder = tmp_path_factory.mktemp("forms")

    def directory(form: Quantisation) -> Path:
        if form is Quantisation.F32:
            return tiny_model
        if not (folder / form).exists():
            pipeline.convert(tiny_model.parent / "checkpoint", folder / form, form, lambda _: None)
        return folder / form

    return directory


@pytest.fixture(scope="module")
def machine_of(directory_of: Callable[[Quantisation], Path], tiny_model: Path) -> Iterator[MachineOf]:
    made: dict[Quantisation, Machine] = {}

    def machine(form: Quantisation) -> Machine:
        if form not in made:
            adapters = tiny_model / "adapters"
            options = Options(model=directory_of(form), adapters=adapters, slots=4, lane_slots=4, exact=True)
            made[form] = Machine(options)
        return made[form]

    yield machine
    for each in made.values():
        each.close()


def test_given_its_own_codes_a_model_finds_them_likeliest(machine_of: MachineOf) -> None:
    machine = machine_of(Quantisation.F32)
    codes = codes_of_all(machine, REQUESTS)
    assert [len(each) for each in codes] == [7, 5]
    logits = Forced(machine).logits(REQUESTS, codes)
    assert [each.shape for each in logits] == [(12, 2049), *[(12, 2048)] * 15]
    np.testing.assert_array_equal(np.stack([each.argmax(-1) for each in logits], axis=1), np.concatenate(codes))


def test_more_bits_are_nearer(machine_of: MachineOf) -> None:
    exact = machine_of(Quantisation.F32)
    counted: list[int] = []
    itself = score.diverge(exact, exact, REQUESTS, counted.append)
    assert sum(counted) == 3 * 12 and itself.frames == 12 and len(itself.heads) == 16
    assert itself.kl_frame < 1e-9 and all(head.top1 == 1 for head in itself.heads)
    near, far = (
        score.diverge(machine_of(form), exact, REQUESTS, counted.append)
        for form in (Quantisation.Q8_0, Quantisation.Q4_0)
    )
    for one, other in zip(near.heads, far.heads, strict=True):
        assert 1e-9 < one.kl < other.kl / 10


def test_directories_of_two_checkpoints_are_refused(
    machine_of: MachineOf, directory_of: Callable[[Quantisation], Path], tmp_path: Path
) -> None:
    exact, quantised = machine_of(Quantisation.F32), machine_of(Quantisation.Q8_0)
    score.refuse_other(quantised, exact)
    other = shutil.copytree(directory_of(Quantisation.Q8_0), tmp_path / "other")
    table = np.load(other / EMBEDDINGS)
    table[-1, -1] += 1
    np.save(other / EMBEDDINGS, table)
    machine = Machine(Options(model=other, adapters=other, slots=1))
    with pytest.raises(InvalidInput, match=f"against: {exact.options.model} .* the embeddings differ"):
        score.refuse_other(machine, exact)
    machine.close()


class Parrot:
    """Hears the same words whatever is said."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, str | None]] = []

    def hear(self, samples: NDArray[np.float32], rate: int, language: str | None) -> str:
        self.asked.append((len(samples), rate, language))
        return "Bonjour tous"


def test_words_are_counted_for_both(machine_of: MachineOf) -> None:
    exact, parrot, told = machine_of(Quantisation.F32), Parrot(), list[int]()
    requests = [REQUESTS[0], replace(REQUESTS[0], language="french"), replace(REQUESTS[0], language="auto")]
    found = score.listen(exact, exact, requests, parrot, told.append)
    assert found == score.Words(words=9, errors=3, errors_against=3)
    assert parrot.asked == [(7 * 1920, 24_000, tag) for tag in ("fr", "fr", None)] * 2 and told == [1] * 6


def test_the_command_with_an_adapter_of_the_reference(
    directory_of: Callable[[Quantisation], Path], tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "texts").write_text("Oui, bien sûr.\nNon.\n", encoding="utf-8")
    command = [
        *(BIN / "timbre-engine", "score", directory_of(Quantisation.Q8_0), "--against", tiny_model, "--frames", "4"),
        *("--texts", tmp_path / "texts", "--language", "fr", "--lora", tiny_model / "adapters" / "lisa.gguf"),
    ]
    table, plain = (
        subprocess.run(list(map(str, [*command, *more])), check=True, capture_output=True, text=True)
        for more in ([], ["--json"])
    )
    lines = table.stdout.splitlines()
    assert lines[0] == "Q8_0 against F32: 8 frames" and len(lines) == 20
    assert lines[-1].startswith("no word error rate") and table.stderr == ""
    found = json.loads(plain.stdout)
    assert (found["model"]["quantisation"], found["against"]["quantisation"]) == ("Q8_0", "F32")
    assert found["frames"] == 8 and found["words"] is None
    assert found["kl_frame"] == pytest.approx(sum(head["kl"] for head in found["heads"])) and len(found["heads"]) == 16
