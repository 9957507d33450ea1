"""How far the logits of each head are from others', where every code is given."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper

from parity.cases import Speech
from timbre_engine.model.predictor import CODES
from timbre_engine.qwen3tts import specs
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.stream import Stream

Array = NDArray[np.floating[Any]]
FORCED: Final = "forced"


def logits_of(machine: Machine, speech: Speech, codes: NDArray[np.int32]) -> tuple[Array, Array]:
    """The talker's logits at each frame [frames, codec vocabulary], and the predictor's [frames, 15, 2048]."""
    talker = list(_talker(machine, speech, codes))
    hidden, first = (np.stack(rows) for rows in zip(*talker, strict=True))
    return first, _predictor(
        machine.options.model / "predictor.onnx", hidden, codes, machine.table.codec(codes[:, 0].tolist())
    )


def divergence(expected: Array, made: Array) -> Array:
    """Kullback-Leibler, in nats, along the last axis."""
    log_expected, log_made = _log_softmax(expected), _log_softmax(made)
    answer: Array = (np.exp(log_expected) * (log_expected - log_made)).sum(-1)
    return answer


def _talker(machine: Machine, speech: Speech, codes: NDArray[np.int32]) -> Iterator[tuple[Array, Array]]:
    """(hidden state, logits) of each frame."""
    request, tokenize = speech.request(), machine.model.tokenize
    wanted = specs.Wanted(voice=request.voice, language=request.language, seed=0)
    sequence = machine.talker.open(())
    stream = Stream(0, specs.make(wanted, (), machine.manifest, machine.table, tokenize), sequence)
    stream.feed(request.text)
    stream.end()
    stream.take_text(tokenize)
    stream.begin(machine.talker, machine.table, machine.manifest)
    for frame in codes:
        hidden, logits = machine.talker.step([sequence], stream.next_input(machine.table)[None])
        yield hidden[0], logits[0]
        stream.advance(int(frame[0]), machine.table.frames(frame[None])[0])
    machine.talker.close(sequence)


def _predictor(path: Path, hidden: Array, codes: NDArray[np.int32], embeddings: Array) -> Array:
    model = onnx.load(path)
    logits = _give_codes(model.graph)
    session: Any = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    count = len(codes)
    given = {
        "hidden": hidden,
        "code0_embedding": embeddings,
        "uniform": np.zeros((CODES, count), np.float32),
        "temperature": np.ones(count, np.float32),
        "top_k": np.ones(count, np.int64),
        "top_p": np.full(count, 2, np.float32),
        "width": np.array([1], np.int64),
        FORCED: codes[:, 1:].astype(np.int64),
    }
    return np.stack(session.run(logits, given), axis=1)


def _give_codes(graph: Any) -> list[str]:
    """Let each step's code be the given one; the names of the steps' logits, which come out."""
    makers = {name: node for node in graph.node for name in node.output}
    codes = makers["codes"]
    while codes.op_type != "Concat":
        codes = makers[codes.input[0]]
    drawn = list(codes.input)
    temperature = next(node for node in graph.node if node.op_type == "Unsqueeze" and node.input[0] == "temperature")
    logits = [node.input[0] for node in graph.node if node.op_type == "Div" and node.input[1] == temperature.output[0]]
    assert len(drawn) == len(logits) == CODES
    graph.input.append(helper.make_tensor_value_info(FORCED, onnx.TensorProto.INT64, ["batch", CODES]))
    for number, name in enumerate(drawn):
        makers[name].output[0] = f"drawn{number}"
        index = helper.make_node("Constant", [], [f"forced_index{number}"], value_ints=[number])
        graph.node.insert(0, helper.make_node("Gather", [FORCED, f"forced_index{number}"], [name], axis=1))
        graph.node.insert(0, index)
    for name in logits:
        graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return logits


def _log_softmax(logits: Array) -> Array:
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    answer: Array = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return answer
