"""Milliseconds of the talker by llama.cpp alone and with the kernel's products, in turn, on one thread. Prints JSON.

A step is one position of so many streams; a prefix is so many positions of one stream.

Usage: bench_talker.py --model DIR [--rounds 20] [--streams 1,2,4] [--prefix 2,4,10]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from timbre_engine.kernels import talker
from timbre_engine.llama import api
from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Model
from timbre_engine.model import manifest as manifests
from timbre_engine.qwen3tts import memory

BEFORE = 40
"""Positions that a stream has before a step: half of a usual utterance's."""


def works(model: Model, head: slice, streams: list[int], prefix: list[int]) -> dict[str, Callable[[], object]]:
    """What is timed over a model."""
    most = max(streams)
    context = Context(model, ContextSettings(sequences=most, positions=512, threads=1))
    vectors = np.random.default_rng(0).standard_normal((max(BEFORE, *prefix), model.hidden), np.float32)

    def step(count: int) -> None:
        for sequence in range(count):
            context.forget(sequence, BEFORE)
        context.step(range(count), [BEFORE] * count, vectors[:count], head)

    def take_in(count: int) -> None:
        context.forget(0, BEFORE)
        context.prefill(0, BEFORE, vectors[:count])

    for sequence in range(most):
        context.prefill(sequence, 0, vectors[:BEFORE])
    steps = {f"step of {count}": partial(step, count) for count in streams}
    return {**steps, **{f"prefix of {count}": partial(take_in, count) for count in prefix}}


def main() -> None:
    """Measure and print."""
    numbers = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--streams", type=numbers, default=[1, 2, 4])
    parser.add_argument("--prefix", type=numbers, default=[2, 4, 10])
    given = parser.parse_args()
    manifest, library = manifests.read(given.model), api.library()
    weights = talker.weights(library)
    if weights is None:
        raise SystemExit("there is no compiled kernel for this machine or this library")
    ids = manifest.text_ids
    head = slice(ids.vocabulary, ids.vocabulary + manifest.codec_ids.vocabulary)
    ways = {}
    for name, way in (("llama.cpp", None), ("kernel", weights)):
        model = Model(library, given.model / manifests.TALKER, weights=way)
        ways[name] = works(model, head, given.streams, given.prefix)
    memory.take_huge_pages()
    taken: dict[str, dict[str, list[float]]] = {name: {} for name in ways}
    for number in range(given.rounds + 1):
        for name, calls in ways.items():
            for what, call in calls.items():
                start = time.perf_counter()
                call()
                if number:  # the first round warms up
                    taken[name].setdefault(what, []).append((time.perf_counter() - start) * 1e3)
    report = {
        name: {
            what: {"ms": round(statistics.median(times), 1), "least_ms": round(min(times), 1)}
            for what, times in found.items()
        }
        for name, found in taken.items()
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
