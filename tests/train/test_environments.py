"""Why training has an environment of its own, read from what packages say that they need; and that it can be used."""

import os
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from parity.asking import PYTHON, ROOT

HUB = "huggingface-hub"


def extra(name: str) -> Iterator[Requirement]:
    """What one of the project's extras needs, those that it names included."""
    for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][name]:
        requirement = Requirement(text)
        if requirement.name == "timbre-voices":
            for other in requirement.extras:
                yield from extra(other)
        else:
            yield requirement


def training() -> dict[str, Distribution]:
    """What is installed where the tests train, by name."""
    folders = [str(path) for path in PYTHON.parents[1].glob("lib/python*/site-packages")]
    return {each.name: each for each in metadata.distributions(path=folders)}


def needs(package: Distribution, name: str) -> SpecifierSet:
    """The versions of `name` that it takes without extras of its own."""
    found = [Requirement(text) for text in package.requires or []]
    (wanted,) = (each for each in found if each.name == name and (each.marker is None or each.marker.evaluate({})))
    return wanted.specifier


def test_nothing_satisfies_both_training_and_conversion(torch_side: None) -> None:
    """So pip never installs both: from the extra to the library of the Hub, every link is one version, then a range."""
    (official,) = (each for each in extra("train") if each.name == "qwen-tts")
    package, transformers = (training()[name] for name in (official.name, "transformers"))
    assert str(official.specifier) == f"=={package.version}"
    assert str(needs(package, "transformers")) == f"=={transformers.version}"
    theirs = needs(transformers, HUB)
    (ours,) = (each.specifier for each in extra("convert") if each.name == HUB)
    assert theirs.contains(training()["huggingface_hub"].version) and ours.contains(metadata.version(HUB))
    assert ours.is_disjoint(theirs)


def test_each_alone_is_installed_here(torch_side: None) -> None:
    there = training()
    names = {name.lower().replace("_", "-"): each.version for name, each in there.items()}
    assert [str(each) for each in extra("train") if not each.specifier.contains(names[each.name])] == []
    assert [str(each) for each in extra("convert") if not each.specifier.contains(metadata.version(each.name))] == []


def test_the_official_package_loads_beside_a_torchaudio_of_another_pytorch(torch_side: None, tmp_path: Path) -> None:
    broken = 'raise OSError("Could not load this library")'
    for name, text in {"torchaudio": broken, "sox": broken, "onnxruntime": ""}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    path = os.pathsep.join(map(str, (tmp_path, ROOT / "common", ROOT / "loras")))
    program = "import sys, timbre_loras.train.encoders; sys.exit('torchaudio' in sys.modules)"
    subprocess.run([PYTHON, "-c", program], check=True, timeout=300, env=os.environ | {"PYTHONPATH": path})
