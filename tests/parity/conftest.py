"""Both implementations on the same checkpoints: the official one once for all questions, in a process of its own."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parity import asking, chains, checkpoints
from parity.asking import PYTHON, STAMP, Answers
from parity.cases import ADAPTED, SPEECHES
from parity.chains import SETTINGS
from parity.checkpoints import PLAIN, QWEN, VARIANTS
from parity.texts import TEXTS
from support import golden
from timbre_engine.convert import pipeline
from timbre_engine.model.manifest import Quantisation
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.options import Options

_FIND_DASHSCOPE = "from importlib.util import find_spec; print(find_spec('dashscope').origin)"


@pytest.fixture(scope="session", autouse=True)
def _official_package() -> None:
    if not STAMP.exists():
        pytest.skip("the official implementation is not installed: make parity installs it and runs these tests")


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every checkpoint, by its variant's name."""
    folder = tmp_path_factory.mktemp("checkpoints")
    found = subprocess.run([PYTHON, "-c", _FIND_DASHSCOPE], check=True, capture_output=True, text=True)
    tiktoken = Path(found.stdout.strip()).parent / "resources" / "qwen.tiktoken"
    return {variant.name: checkpoints.write(variant, folder / variant.name, tiktoken) for variant in VARIANTS}


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of PEFT's folders: `both`, of talker and code predictor, and `predictor`."""
    folder = tmp_path_factory.mktemp("adapters")
    golden.make_predictor_adapter(folder / "both", seed=3, beside=golden.make_adapter(folder / "talker"))
    golden.make_predictor_adapter(folder / "predictor", seed=4)
    return folder


@pytest.fixture(scope="session")
def official(sources: dict[str, Path], adapters: Path, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What the official implementation answers to everything: NAME.array."""
    return asking.ask(tmp_path_factory.mktemp("official"), _questions(sources, adapters))


@pytest.fixture(scope="session")
def machine_of(
    sources: dict[str, Path], adapters: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, Quantisation], Machine]]:
    """The engine over a variant's checkpoint, converted."""
    folder = tmp_path_factory.mktemp("models")
    made: dict[tuple[str, Quantisation], Machine] = {}

    def machine(name: str, quantisation: Quantisation = Quantisation.F32) -> Machine:
        key = (name, quantisation)
        if key not in made:
            directory = folder / f"{name}-{quantisation}"
            pipeline.convert(sources[name], directory, quantisation, lambda _: None)
            for speech in ADAPTED.values():
                if speech.variant.name == name:
                    golden.export_adapter(adapters / f"{speech.adapter}", directory, f"{speech.adapter}.gguf")
            made[key] = Machine(Options(model=directory, adapters=directory, slots=1, exact=True))
        return made[key]

    yield machine
    for each in made.values():
        each.close()


def _questions(sources: dict[str, Path], adapters: Path) -> dict[str, Any]:
    return {
        "speeches": {
            name: speech.question(sources[speech.variant.name], adapters) for name, speech in SPEECHES.items()
        },
        "chains": _chains(sources[PLAIN.name]),
        "texts": {name: {"checkpoint": str(sources[name]), "texts": TEXTS} for name in (PLAIN.name, QWEN.name)},
    }


def _chains(checkpoint: Path) -> dict[str, Any]:
    spoken = {"text": "Oui.", "language": "french", "speaker": "vivian", "streaming": True}
    shared = {"checkpoint": str(checkpoint), "speech": spoken, **chains.rows().plain()}
    return {name: {**shared, "settings": chains.named(settings)} for name, settings in SETTINGS.items()}
