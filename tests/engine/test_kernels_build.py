"""What an install makes of the C kernels, with a compiler and without one: Hatchling builds wheels of a small tree."""

import ctypes
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KERNELS = "timbre_engine/kernels"
TREE = ("pyproject.toml", "README.md", "LICENSE", ".gitignore", "engine/build_kernels.py", f"engine/{KERNELS}")
pytestmark = pytest.mark.skipif(sysconfig.get_platform() != "linux-x86_64", reason="the kernel is for Linux on x86-64")
FALLBACK = "no compiled kernels, so llama.cpp and ONNX Runtime compute everything, slower: "


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The project with nothing but the kernels, and with a library that another source was compiled to."""
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    library = tmp_path / "engine" / KERNELS / "_kernels.so"
    library.write_bytes(b"stale")
    return tmp_path


@pytest.fixture
def compiler() -> str:
    """One that is here."""
    found = [each for each in ("cc", "gcc", "clang") if shutil.which(each)]
    if not found:
        pytest.skip("there is no C compiler")
    return found[0]


def build(tree: Path, call: str = "build_wheel", **environment: str) -> tuple[Path, str]:
    """The wheel as an installer has it built, and what the build says."""
    code = f"import hatchling.build as build; print(build.{call}('dist'))"
    (tree / "dist").mkdir()
    plain = {name: value for name, value in os.environ.items() if name != "CC"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tree, env=plain | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return tree / "dist" / done.stdout.splitlines()[-1], done.stdout + done.stderr


def names(wheel: Path) -> set[str]:
    """The files of the kernels' package in it."""
    with zipfile.ZipFile(wheel) as opened:
        return {Path(name).name for name in opened.namelist() if name.startswith(KERNELS)}


def test_with_a_compiler_a_wheel_is_for_the_platform_and_any_python_and_has_the_library(
    tree: Path, compiler: str, tmp_path: Path
) -> None:
    wheel, _ = build(tree, CC=f"{compiler} -Werror")
    assert wheel.name.endswith("-py3-none-linux_x86_64.whl")
    assert "_kernels.so" in names(wheel)
    with zipfile.ZipFile(wheel) as opened:
        library = opened.extract(f"{KERNELS}/_kernels.so", tmp_path / "opened")
    assert ctypes.CDLL(library).timbre_kernels_run_here() in (0, 1)


def test_an_editable_install_has_it_beside_its_source(tree: Path, compiler: str) -> None:
    build(tree, "build_editable", CC=compiler)
    assert ctypes.CDLL(str(tree / "engine" / KERNELS / "_kernels.so")).timbre_kernels_run_here() in (0, 1)


@pytest.mark.parametrize(
    ("environment", "why"),
    [
        pytest.param({"PATH": "/nowhere"}, "there is no C compiler", id="none is here"),
        pytest.param({"CC": "/nowhere/cc"}, "No such file or directory: '/nowhere/cc'", id="the one named is not"),
        pytest.param({"CC": "false"}, "false failed: 1", id="it fails"),
        pytest.param({"_PYTHON_HOST_PLATFORM": "linux-aarch64"}, "this is linux-aarch64", id="another machine"),
    ],
)
def test_without_a_compiler_a_wheel_is_for_all_and_has_no_library(
    tree: Path, environment: dict[str, str], why: str
) -> None:
    wheel, said = build(tree, **environment)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "__init__.py" in names(wheel)
    assert "_kernels.so" not in names(wheel)
    assert any(line.startswith(FALLBACK) and why in line for line in said.splitlines()), said
