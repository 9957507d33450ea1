"""Milliseconds of the talker on llama.cpp's library, prebuilt and built. Prints one JSON.

Each library computes in a process of its own, and they take turns, so that what else runs on the machine disturbs both
alike. A step is one position, a prefix ten; `cpu` is the process' time, which other processes disturb least.

Usage: bench_llama.py --model DIR [--threads 1] [--rounds 20] [--steps 10]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from timbre_engine.llama import api
from timbre_engine.llama.context import Context, ContextSettings
from timbre_engine.llama.model import Model
from timbre_engine.llama.source import SOURCES, Choice
from timbre_engine.model import manifest as manifests

PREFIX = 10


def compute(library: Choice, directory: Path, threads: int, steps: int) -> None:
    """A round for each line that comes: (wall, processor) milliseconds of the prefix, and of each step."""
    model = Model(api.library(library), directory / manifests.TALKER)
    context = Context(model, ContextSettings(sequences=1, positions=512, threads=threads))
    vectors = np.random.default_rng(0).standard_normal((PREFIX, model.hidden), np.float32)

    def timed(call: Callable[[], object]) -> tuple[float, float]:
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3

    for _ in sys.stdin:
        context.forget(0)
        calls: list[Callable[[], object]] = [partial(context.prefill, 0, 0, vectors)]
        calls += [partial(context.step, [0], [PREFIX + step], vectors[:1], slice(0, 1)) for step in range(steps)]
        print(json.dumps([timed(call) for call in calls]), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--library", choices=SOURCES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.library:
        compute(arguments.library, arguments.model, arguments.threads, arguments.steps)
        return
    workers = {
        name: subprocess.Popen(
            [sys.executable, *sys.argv, f"--library={name}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in SOURCES
    }
    rounds: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in workers}
    for number in range(arguments.rounds + 1):
        for name, worker in workers.items():
            assert worker.stdin is not None
            assert worker.stdout is not None
            print(file=worker.stdin, flush=True)
            taken = json.loads(worker.stdout.readline())
            if number:  # the first round warms up
                rounds[name].append(taken)
    for worker in workers.values():
        worker.communicate()
    report = {
        name: {
            "prefix": medians([prefix for prefix, *_ in taken]),
            "step": medians([step for _, *steps in taken for step in steps]),
        }
        for name, taken in rounds.items()
    }
    print(json.dumps({"threads": arguments.threads, **report}, indent=1))


def medians(taken: list[tuple[float, float]]) -> dict[str, float]:
    """Of wall and processor time, and the least wall time."""
    wall, cpu = zip(*taken, strict=True)
    found = {"ms": statistics.median(wall), "cpu_ms": statistics.median(cpu), "least_ms": min(wall)}
    return {name: round(value, 1) for name, value in found.items()}


if __name__ == "__main__":
    main()
