"""Rows of a tensor in a GGUF file, against what the gguf package makes of them."""

import os
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.quants import dequantize

from support import golden
from timbre_common.errors import EngineUnavailable, InvalidInput
from timbre_engine.llama import api
from timbre_engine.llama.quantise import quantise
from timbre_engine.llama.rows import Rows

ROWS, COLUMNS = 50, 512
KINDS = ("F32", "F16", "Q8_0", "Q4_0", "Q4_K", "Q6_K")


def written(path: Path, kind: GGMLQuantizationType) -> np.ndarray:
    """A file with a tensor of a kind behind another one; what the tensor holds, as it is stored."""
    weights = np.random.default_rng(0).standard_normal((ROWS, COLUMNS), np.float32)
    stored = quantise(weights, kind, golden.LIBRARY)
    writer = GGUFWriter(path, "test")
    writer.add_tensor("before", np.zeros((3, 5), np.float32))
    writer.add_tensor("table", stored, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return stored


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_those_of_the_tensor(kind: str, tmp_path: Path) -> None:
    path, quantisation = tmp_path / "table.gguf", GGMLQuantizationType[kind]
    stored = written(path, quantisation)
    taken = Rows(api.library(golden.LIBRARY), path, "table", ROWS).take([0, 49, 7, 7])
    expected = stored if stored.dtype == np.float32 else dequantize(stored, quantisation)
    np.testing.assert_array_equal(taken, expected[[0, 49, 7, 7]])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "table.gguf"
    written(path, GGMLQuantizationType.Q8_0)
    library = api.library(golden.LIBRARY)
    with pytest.raises(InvalidInput, match=r"table\.gguf does not hold it"):
        Rows(library, path, "tables", ROWS)
    rows = Rows(library, path, "table", ROWS)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(EngineUnavailable, match="shorter than it was"):
        rows.take([ROWS - 1])
