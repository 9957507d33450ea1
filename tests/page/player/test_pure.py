"""The player's parts without browser APIs, in Node: each file of `pure/` is one test here, and many there."""

import shutil
import subprocess
from pathlib import Path

import pytest

FILES = sorted(Path(__file__).with_name("pure").glob("*.test.mjs"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name.split(".")[0])
def test_in_node(path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine (Debian: apt-get install nodejs); the page itself does not need it")
    ran = subprocess.run([node, "--test", str(path)], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout[-6_000:] + ran.stderr[-2_000:]
