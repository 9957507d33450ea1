"""Milliseconds that the code predictor takes for a frame, with random weights in the 0.6B model's shapes.

Everything of a frame counts: fifteen steps, heads, draws and embeddings. The forms take turns, so that what else runs
on the machine disturbs all alike; `cpu` is the process' time, which other processes disturb least. Prints one JSON
document. `kernel` is our own library on one thread, the rest ONNX Runtime. One thread does not spin; of two, both are
given.

Usage: bench_predictor.py [--rounds 10] [--frames 3] [--forms "int4 block 64" float32]
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.predictor import build
from timbre_engine.convert.synthetic_predictor import predictor_tensors
from timbre_engine.convert.weights import Storage
from timbre_engine.model.manifest import Sampling, Transformer
from timbre_engine.qwen3tts.compiled_predictor import CompiledPredictor, compiled
from timbre_engine.qwen3tts.predictor import Predictor
from timbre_engine.qwen3tts.sampling import Draw

SIZES = Transformer(
    hidden=1024, layers=5, heads=16, kv_heads=8, head_dim=128, ffn=3072, rope_theta=1_000_000.0, norm_eps=1e-6
)
FORMS = {f"int{bits} block {block}": Storage(bits, block) for bits in (4, 8) for block in (32, 64, 128)} | {
    "float32": Storage(32)
}
AnyPredictor = Predictor | CompiledPredictor
WAYS: dict[str, Callable[[Path], AnyPredictor | None]] = {
    "kernel": lambda path: compiled(path, SIZES.hidden, SIZES),
    "1 thread": Predictor,
    "2 threads": partial(Predictor, threads=2),
    "2 threads, spinning": partial(Predictor, threads=2, spinning=True),
}
"""Of a form's file; None where the way has nothing for the form."""
BATCHES = (1, 2, 4)


def write_forms(directory: Path, names: list[str]) -> dict[str, Path]:
    """A file a form."""
    save_file(predictor_tensors(SIZES.hidden, SIZES, seed=1), directory / "model.safetensors")
    (directory / "config.json").write_text("{}")
    paths = {}
    for number, name in enumerate(names):
        paths[name] = directory / f"{number}.onnx"
        build(Checkpoint(directory), SIZES.hidden, SIZES, FORMS[name]).save(paths[name], check=False)
    return paths


def frame(predictor: AnyPredictor, batch: int, seed: int) -> tuple[float, float]:
    """Milliseconds of wall and of processor time."""
    random = np.random.default_rng(seed)
    hidden, embedding = random.standard_normal((2, batch, SIZES.hidden), dtype=np.float32)
    draws = [Draw(Sampling(), np.random.default_rng((seed, row))) for row in range(batch)]
    wall, cpu = time.perf_counter(), time.process_time()
    predictor.predict(hidden, embedding, draws)
    return (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def measure(paths: dict[str, Path], way: str, rounds: int, frames: int) -> dict[str, dict[str, dict[str, float]]]:
    """By form and batch."""
    loaded = {name: WAYS[way](path) for name, path in paths.items()}
    predictors = {name: predictor for name, predictor in loaded.items() if predictor is not None}
    times: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for turn in range(rounds):
        for name, predictor in predictors.items():
            for batch in BATCHES:
                frame(predictor, batch, seed=0)  # the caches are another form's
                times[name, batch] += [frame(predictor, batch, seed=turn) for _ in range(frames)]
    return {name: {f"batch {batch}": summary(times[name, batch]) for batch in BATCHES} for name in predictors}


def summary(times: list[tuple[float, float]]) -> dict[str, float]:
    """Median and least, to a tenth of a millisecond."""
    wall, cpu = zip(*times, strict=True)
    found = {"median": statistics.median(wall), "least": min(wall), "cpu": statistics.median(cpu)}
    return {name: round(value, 1) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--forms", nargs="*", choices=FORMS, default=list(FORMS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        paths = write_forms(Path(directory), arguments.forms)
        found = {way: measure(paths, way, arguments.rounds, arguments.frames) for way in WAYS}
        sizes = {name: round(path.stat().st_size / 1e6) for name, path in paths.items()}
    print(json.dumps({"cores": os.cpu_count(), "ms_a_frame": found, "file_mb": sizes}, indent=1))


if __name__ == "__main__":
    main()
