"""The logits of every head where every code is given, so that two models look back on the same speech."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from timbre_common.errors import InvalidInput
from timbre_engine.model.manifest import PREDICTOR
from timbre_engine.model.predictor import CODES
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, open_stream

Logits = list[NDArray[np.float32]]
"""Of each head in turn, the talker's first: [frames, vocabulary]."""

_FORCED: Final = "forced"
_MOST_FRAMES: Final = 64
"""Frames in one run of the predictor: more are no faster, and memory grows with them."""


class Forced:
    """A machine's heads: its talker, and its predictor loaded once more, without the draws."""

    def __init__(self, machine: Machine) -> None:
        """Raises InvalidInput where the predictor is not one that this release converts."""
        self._machine = machine
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = machine.options.threads
        with tempfile.TemporaryDirectory() as folder:  # from bytes, ONNX Runtime would keep them beside its weights
            path = Path(folder) / PREDICTOR
            self._names = _write_forced(machine.options.model / PREDICTOR, path)
            self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        ids = machine.manifest.codec_ids
        self._drawn = [*range(ids.codes), ids.eos]

    def logits(
        self,
        requests: Sequence[Request],
        codes: Sequence[NDArray[np.int32]],
        tell: Callable[[int], object] = lambda _: None,
    ) -> Logits:
        """Every head's logits along codes [frames, 16], a row a frame, text after text.

        Each text is one run, all of them the same voice's, and there are no more than the machine has slots. Of the
        talker's logits those come that may be drawn: the codes', then the end of speech. `tell` is given the number of
        new frames.
        """
        hidden, first, adapted = self._talker(requests, codes, tell)
        given = np.concatenate(codes)
        parts = [
            self._predictor(hidden[start : start + _MOST_FRAMES], given[start : start + _MOST_FRAMES], adapted)
            for start in range(0, len(given), _MOST_FRAMES)
        ]
        return [first[:, self._drawn], *(np.concatenate(each) for each in zip(*parts, strict=True))]

    def _talker(
        self, requests: Sequence[Request], codes: Sequence[NDArray[np.int32]], tell: Callable[[int], object]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], Mapping[str, NDArray[Any]]]:
        """(hidden states, logits) of each frame, text after text, and what the voice adds to the predictor."""
        machine, table = self._machine, self._machine.table
        streams = [open_stream(machine, request, number) for number, request in enumerate(requests)]
        for stream in streams:
            stream.take_text(machine.model.tokenize)
            stream.begin(machine.talker, table, machine.manifest)
        hidden: list[list[NDArray[np.float32]]] = [[] for _ in streams]
        logits: list[list[NDArray[np.float32]]] = [[] for _ in streams]
        for frame in range(max(map(len, codes))):
            rows = [row for row, given in enumerate(codes) if frame < len(given)]
            tell(len(rows))
            vectors = np.stack([streams[row].next_input(table) for row in rows])
            answers = machine.talker.step([streams[row].sequence for row in rows], vectors)
            for row, state, scores in zip(rows, *answers, strict=True):
                hidden[row].append(state)
                logits[row].append(scores)
                given = codes[row][frame]
                streams[row].advance(int(given[0]), table.frames(given[None])[0])
        adapted = machine.predictor.adapter_inputs(streams[0].spec.adapters)
        for stream in streams:
            machine.talker.close(stream.sequence)
            machine.adapters.give_back(stream.spec.adapters)
        return np.stack(list(chain(*hidden))), np.stack(list(chain(*logits))), adapted

    def _predictor(
        self, hidden: NDArray[np.float32], codes: NDArray[np.int32], adapted: Mapping[str, NDArray[Any]]
    ) -> Logits:
        count = len(codes)
        given = {
            "hidden": hidden,
            "code0_embedding": self._machine.table.codec(codes[:, 0].tolist()),
            "uniform": np.zeros((CODES, count), np.float32),
            "temperature": np.ones(count, np.float32),
            "top_k": np.ones(count, np.int64),
            "top_p": np.full(count, 2, np.float32),
            "width": np.array([1], np.int64),
            _FORCED: codes[:, 1:].astype(np.int64),
            **adapted,
        }
        logits: Logits = self._session.run(self._names, given)
        return logits


def _write_forced(path: Path, target: Path) -> list[str]:
    """The graph with each step's code the given one, its logits as outputs; their names."""
    model = onnx.load(path)
    names = _give_codes(model.graph, path)
    onnx.save(model, target)
    return names


def _take_the_adapted_branch(graph: Any) -> None:
    """Put it in the choice's place; without adapters it computes the same."""
    for choice in [node for node in graph.node if node.op_type == "If"]:
        branch = next(each.g for each in choice.attribute if each.name == "then_branch")
        given = zip(branch.output, choice.output, strict=True)
        graph.node.extend(branch.node)
        graph.node.extend(helper.make_node("Identity", [inside.name], [name]) for inside, name in given)
        graph.node.remove(choice)


def _give_codes(graph: Any, path: Path) -> list[str]:
    """Let each step's code be the given one; the names of the steps' logits, which come out."""
    _take_the_adapted_branch(graph)
    makers = {name: node for node in graph.node for name in node.output}
    codes = makers["codes"]
    while codes.op_type != "Concat":
        codes = makers[codes.input[0]]
    drawn = list(codes.input)
    temperature = next(node for node in graph.node if node.op_type == "Unsqueeze" and node.input[0] == "temperature")
    logits = [node.input[0] for node in graph.node if node.op_type == "Div" and node.input[1] == temperature.output[0]]
    if not len(drawn) == len(logits) == CODES:
        raise InvalidInput("it is not laid out as this release converts: convert the checkpoint again", str(path))
    graph.input.append(helper.make_tensor_value_info(_FORCED, onnx.TensorProto.INT64, ["batch", CODES]))
    for number, name in enumerate(drawn):
        makers[name].output[0] = f"drawn{number}"
        index = helper.make_node("Constant", [], [f"forced_index{number}"], value_ints=[number])
        graph.node.insert(0, helper.make_node("Gather", [_FORCED, f"forced_index{number}"], [name], axis=1))
        graph.node.insert(0, index)
    for name in logits:
        graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return logits
