"""Reading an ONNX file's constants without its libraries, against those libraries."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from timbre_common.errors import InvalidInput
from timbre_engine.convert.onnx_graph import Graph
from timbre_engine.model.onnx_constants import constants, properties

VALUES: dict[str, NDArray[Any]] = {
    "floats": np.arange(6, dtype=np.float32).reshape(2, 3),
    "halves": np.arange(4, dtype=np.float16),
    "levels": np.arange(300, dtype=np.uint8).reshape(3, 4, 25),
    "long": np.array([1 << 40, -1]),
    "one": np.array(0.5, np.float32),
}

PROPERTIES = {"name": "value", "größe": '{"length": 3}', "empty": ""}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    graph = Graph("constants")
    graph.output(graph.input("x", ["n"]), "y", ["n"])
    for name, value in VALUES.items():
        graph.constant(value, name)
    graph.metadata |= PROPERTIES
    graph.save(tmp_path / "file.onnx")
    return tmp_path / "file.onnx"


def test_every_constant_is_read_by_its_name(file: Path) -> None:
    read = constants(file)
    assert read.keys() == VALUES.keys()
    for name, value in VALUES.items():
        assert read[name].dtype == value.dtype
        np.testing.assert_array_equal(read[name], value)


def test_every_property_is_read_by_its_name(file: Path) -> None:
    assert properties(file) == PROPERTIES


def test_a_file_cut_short_or_of_another_kind_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with suppress(InvalidInput):
            # It ends between two parts: what is there is right.
            assert all((value == VALUES[name]).all() for name, value in constants(file).items())
        with suppress(InvalidInput):
            assert properties(file).items() <= PROPERTIES.items()
    file.write_bytes(b"no model at all")
    for read in (constants, properties):
        with pytest.raises(InvalidInput, match="not laid out"):
            read(file)
