import struct
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter
from hypothesis import given
from hypothesis import strategies as st

from timbre_common import gguf_header
from timbre_common.errors import InvalidInput


def header(entries: int, rest: bytes, tensors: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, entries) + rest


HOSTILE = [
    b"",
    b"GGU",
    header(2**63, b""),
    header(0, b"", tensors=2**63),
    header(0, b"", version=1),
    header(0, b"", version=3 << 24),
    header(1, struct.pack("<Q", 2**64 - 1)),
    header(1, struct.pack("<Q", 1) + b"k" + struct.pack("<I", 99)),
    header(1, struct.pack("<Q", 1) + b"k" + struct.pack("<IQ", 8, 2**40)),
    # An array of 2**60 numbers, and of arrays: the gguf package's reader counts them one by one.
    header(1, struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 4, 2**60)),
    header(1, struct.pack("<Q", 1) + b"k" + struct.pack("<IIQ", 9, 9, 1)),
    header(1, struct.pack("<Q", 1) + b"\xff" + struct.pack("<IB", 0, 1)),
    header(2, (struct.pack("<Q", 1) + b"k" + struct.pack("<IB", 0, 1)) * 2),
    header(0, struct.pack("<Q", 1) + b"t" + struct.pack("<I", 2**32 - 1), tensors=1),
    # Sizes whose product is beyond any file, or an offset beyond it.
    header(0, struct.pack("<Q", 1) + b"t" + struct.pack("<IQQIQ", 2, 2**63, 2**63, 0, 0), tensors=1),
    header(0, struct.pack("<Q", 1) + b"t" + struct.pack("<IQQIQ", 2, 1, 1, 0, 2**63), tensors=1),
    header(0, struct.pack("<Q", 1) + b"t" + struct.pack("<IQQIQ", 2, 1, 1, 0, 0), tensors=1),
    header(0, (struct.pack("<Q", 1) + b"t" + struct.pack("<IQQIQ", 2, 0, 1, 0, 0)) * 2, tensors=2),
]


@pytest.mark.parametrize("data", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_headers_are_refused_at_once(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        gguf_header.parse(data, len(data))


@given(
    st.dictionaries(
        st.text("abc._", min_size=1, max_size=20),
        st.one_of(
            st.integers(-(2**31), 2**31 - 1),
            st.text(min_size=1),
            st.booleans(),
            st.lists(st.integers(0, 9), min_size=1),
        ),
        max_size=8,
    )
)
def test_it_reads_what_the_gguf_package_writes(
    tmp_path_factory: pytest.TempPathFactory, entries: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("gguf") / "file.gguf"
    writer = GGUFWriter(path, "any")
    for name, value in entries.items():
        add = {int: "int32", str: "string", bool: "bool", list: "array"}[type(value)]
        getattr(writer, f"add_{add}")(f"x.{name}", value)
    tensors: dict[str, Any] = {"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.arange(4, dtype=np.float32)}
    for name, values in tensors.items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    data = path.read_bytes()
    found = gguf_header.parse(data, len(data))
    mine = {name.removeprefix("x."): value.content for name, value in found.metadata.items() if name.startswith("x.")}
    assert mine == entries
    for tensor in found.tensors:
        values = tensors[tensor.name]
        assert tensor.shape == values.shape
        assert data[tensor.offset : tensor.offset + tensor.size] == values.tobytes()
