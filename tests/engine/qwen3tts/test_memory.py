"""What is asked of the system for the process' memory."""

import mmap
from pathlib import Path

import numpy as np
import pytest

from timbre_engine.qwen3tts import memory


def huge_kib() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("AnonHugePages:"))


def test_what_lies_in_memory_is_moved_to_huge_pages_unchanged() -> None:
    # numpy would ask for huge pages itself.
    place = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    weights = np.frombuffer(place, np.float32)
    weights[:] = np.arange(len(weights))
    before = huge_kib()
    memory.take_huge_pages()
    np.testing.assert_array_equal(weights, np.arange(len(weights)))
    if huge_kib() == before:
        pytest.skip("this system has no huge pages to spare, or none that are asked for after the fact")
    assert huge_kib() >= before + weights.nbytes // 2 // 1024
