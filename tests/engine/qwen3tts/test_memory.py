"""What is asked of the system for the process' memory."""

from pathlib import Path

import numpy as np
import pytest

from timbre_engine.qwen3tts import memory


def huge_kib() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages:"))


def test_what_lies_in_memory_is_moved_to_huge_pages_unchanged() -> None:
    weights = np.arange(16 << 20, dtype=np.float32)
    before = huge_kib()
    memory.take_huge_pages()
    np.testing.assert_array_equal(weights, np.arange(16 << 20, dtype=np.float32))
    if huge_kib() == before:
        pytest.skip("this system has no huge pages to spare, or none that are asked for after the fact")
    assert huge_kib() >= before + weights.nbytes // 2 // 1024
