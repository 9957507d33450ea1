"""`timbre-loras inspect`."""

import math
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from timbre_common import adapters, gguf_header
from timbre_common.gguf_header import Scalar, Value
from timbre_loras import adapter_gguf
from timbre_loras.adapter_gguf import AdapterGguf
from timbre_loras.table import aligned

_TYPES = {gguf_header.F32: "F32", gguf_header.F16: "F16"}


def inspect(
    file: Path,
    *,
    json: Annotated[bool, Parameter(negative=(), help="Print one JSON object.")] = False,
) -> None:
    """Print what an adapter FILE holds, and the second one that it names: size, digest, rank, metadata, tensors."""
    adapter = adapter_gguf.read(file)
    second = adapter.predictor()
    if json:
        told = msgspec.json.encode(facts(adapter) | {"predictor": facts(second) if second else None}).decode()
    else:
        told = "\n".join([*describe(adapter), *(["", second.path.name, *describe(second)] if second else [])])
    sys.stdout.write(f"{told}\n")


def facts(adapter: AdapterGguf) -> dict[str, Any]:
    """Everything that the header says; `alpha` and `base` are null where it does not. A number that JSON has no word
    for is a text.
    """
    metadata = adapter.header.metadata
    alpha = metadata.get(adapters.KEY_ALPHA)
    return {
        "size": adapter.size,
        "digest": adapter.digest,
        "weights": len(adapter.header.tensors) // 2,
        "ranks": adapter.ranks,
        "alpha": None if alpha is None else _content(alpha),
        "base": adapter.text(adapters.KEY_BASE_DIGEST) or None,
        "metadata": {key: _content(value) for key, value in metadata.items()},
        "tensors": [
            {"name": each.name, "shape": each.shape, "type": _TYPES[each.kind], "bytes": each.size}
            for each in adapter.header.tensors
        ],
    }


def describe(adapter: AdapterGguf) -> list[str]:
    """The lines that are printed for people."""
    rows = [
        ("size", f"{adapter.size / 1e6:.2f} MB"),
        ("digest", adapter.digest),
        ("tensors", str(len(adapter.header.tensors))),
        ("rank", ", ".join(map(str, adapter.ranks))),
        *((key, _told(value)) for key, value in adapter.header.metadata.items()),
    ]
    tensors = [
        (tensor.name, " x ".join(map(str, tensor.shape)), _TYPES[tensor.kind], str(tensor.size))
        for tensor in adapter.header.tensors
    ]
    return [*aligned(rows), "", *aligned([("tensor", "shape", "type", "bytes"), *tensors])]


def _told(value: Value) -> str:
    content = value.content
    if not isinstance(content, list):
        return str(content)
    texts = [each for each in content if isinstance(each, str)]
    return ", ".join(texts) if texts else f"{len(content)} values"


def _content(value: Value) -> Scalar | list[Scalar]:
    content = value.content
    return [_finite(each) for each in content] if isinstance(content, list) else _finite(content)


def _finite(value: Scalar) -> Scalar:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
