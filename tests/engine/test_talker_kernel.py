"""Products with matrices of Q4_K and Q6_K by the kernel, as ggml calls it."""

import subprocess
import sys

import numpy as np
import pytest
from gguf import GGMLQuantizationType
from gguf.quants import dequantize
from numpy.typing import NDArray

from support import ggml
from timbre_engine.llama.quantise import quantise

F32, Q8_0 = GGMLQuantizationType.F32, GGMLQuantizationType.Q8_0
Q4_K, Q6_K = GGMLQuantizationType.Q4_K, GGMLQuantizationType.Q6_K


@pytest.fixture(scope="module")
def buffers() -> int:
    """Where the kernel's matrices lie."""
    return ggml.kernel_s()


def some(rows: int, columns: int, seed: int = 0) -> NDArray[np.float32]:
    """Numbers of very different sizes, row by row."""
    random = np.random.default_rng(seed)
    return (random.standard_normal((rows, columns)) * random.uniform(0.1, 8, (rows, 1))).astype(np.float32)


def error(found: NDArray[np.float32], exact: NDArray[np.float64]) -> float:
    """Of the whole, relative to it."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize("kind", [Q4_K, Q6_K])
@pytest.mark.parametrize(("rows", "columns"), [(8, 256), (232, 1024), (1024, 3072)])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
def test_it_is_as_near_as_llama_cpp_s(
    buffers: int, kind: GGMLQuantizationType, rows: int, columns: int, count: int
) -> None:
    stored, inputs = quantise(some(rows, columns), kind), some(count, columns, seed=1)
    exact = inputs.astype(np.float64) @ dequantize(stored, kind).astype(np.float64).T
    found = ggml.product("Timbre", buffers, kind, stored, inputs)
    theirs = ggml.product("CPU", None, kind, stored, inputs)
    assert error(found, exact) < 0.01
    assert error(found, exact) < 1.2 * error(theirs, exact) + 1e-6


@pytest.mark.parametrize("kind", [Q4_K, Q6_K])
def test_the_largest_numbers_that_the_types_hold(buffers: int, kind: GGMLQuantizationType) -> None:
    """Sums of them stay within the registers' bits."""
    stored = np.full_like(quantise(some(16, 512), kind), 0xFF if kind == Q4_K else 0)
    step = np.float16(1).view(np.uint16)
    blocks = stored.reshape(16, 2, -1)
    if kind == Q4_K:  # levels of 15 at scales of 63, minima as large
        blocks[..., :4] = np.array([step, step], np.uint16).view(np.uint8)
    else:  # levels of -32 at scales of -128
        blocks[..., 192:208] = 0x80
        blocks[..., 208:] = np.array([step], np.uint16).view(np.uint8)
    for inputs in np.ones((1, 512), np.float32), -np.ones((1, 512), np.float32):
        exact = inputs.astype(np.float64) @ dequantize(stored, kind).astype(np.float64).T
        np.testing.assert_allclose(ggml.product("Timbre", buffers, kind, stored, inputs), exact, rtol=1e-5)


@pytest.mark.parametrize("kind", [Q4_K, Q6_K])
def test_a_row_s_answer_does_not_depend_on_the_others(buffers: int, kind: GGMLQuantizationType) -> None:
    stored, inputs = quantise(some(1024, 768), kind), some(7, 768, seed=1)
    together = ggml.product("Timbre", buffers, kind, stored, inputs)
    alone = [ggml.product("Timbre", buffers, kind, stored, row[None])[0] for row in inputs]
    np.testing.assert_array_equal(together, alone)


def test_nothing_gives_nothing(buffers: int) -> None:
    inputs = some(2, 256)
    inputs[0] = 0
    found = ggml.product("Timbre", buffers, Q4_K, quantise(some(8, 256), Q4_K), inputs)
    assert not found[0].any() and found[1].any()


@pytest.mark.parametrize(("kind", "rows"), [(F32, 16), (Q8_0, 16), (Q4_K, 12)])
def test_all_else_is_the_cpu_s_wherever_it_lies(buffers: int, kind: GGMLQuantizationType, rows: int) -> None:
    """As adapters of those matrices do."""
    stored, inputs = quantise(some(rows, 256), kind), some(3, 256, seed=1)
    with pytest.raises(AssertionError):
        ggml.product("Timbre", buffers, kind, stored, inputs)
    found = ggml.product("CPU", buffers, kind, stored, inputs)
    np.testing.assert_array_equal(found, ggml.product("CPU", None, kind, stored, inputs))


OTHERWISE = """
import ctypes
from timbre_engine.kernels import talker
from timbre_engine.llama import api

class Otherwise:
    ggml_tensor_overhead = ctypes.CFUNCTYPE(ctypes.c_size_t)(lambda: 400)
    def __getattr__(self, name):
        return getattr(api.library(), name)

class Without:
    pass

print(talker.weights(Without()), talker.weights(Otherwise()))
found = talker.weights(api.library())
print(found is not None and talker.weights(api.library()) == found)
"""


def test_a_library_that_lays_its_structures_out_otherwise_is_left_alone(buffers: int) -> None:
    del buffers
    told = subprocess.run([sys.executable, "-c", OTHERWISE], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["None None", "True"]
