"""The codec decoder at the 12 Hz tokenizer's true sizes, random weights: milliseconds a frame.

Prints one JSON document. 0 threads are the compiled kernel, on one; more are ONNX Runtime's. On a machine that others
use too, the CPU time tells more than the wall time.
Usage: bench_codec.py [--chunks 1,2,4,8,12] [--threads 0,1,2] [--streams 1,2,4] [--seconds 8] [--model codec.onnx]
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from timbre_engine.convert.checkpoint import Checkpoint
from timbre_engine.convert.codec import write_codec
from timbre_engine.convert.synthetic_codec import CONFIG, write_codec_checkpoint
from timbre_engine.qwen3tts.codec import Codec
from timbre_engine.qwen3tts.compiled_codec import compiled


def make(directory: Path) -> Path:
    """A codec.onnx of random weights."""
    write_codec_checkpoint(directory, CONFIG)
    write_codec(Checkpoint(directory), directory / "codec.onnx")
    return directory / "codec.onnx"


def measure(work: Callable[[], object], frames: int, seconds: float) -> dict[str, float]:
    """Milliseconds a frame: medians and minima of wall and CPU time over as many runs as fit, five at least."""
    wall: list[float] = []
    cpu: list[float] = []
    end = time.perf_counter() + seconds
    while len(wall) < 6 or time.perf_counter() < end:
        before = time.perf_counter(), time.process_time()
        work()
        wall.append((time.perf_counter() - before[0]) / frames * 1e3)
        cpu.append((time.process_time() - before[1]) / frames * 1e3)
    del wall[0], cpu[0]  # memory is laid out in the first run
    return {
        f"{name}_{kind}": round(reduce(values), 1)
        for name, values in (("wall", wall), ("cpu", cpu))
        for kind, reduce in (("median", statistics.median), ("min", min))
    }


def bench(path: Path, threads: int, chunks: list[int], streams: list[int], seconds: float) -> dict[str, object]:
    """One loaded codec: chunks of one stream, then chunks of several streams in one run."""
    start = time.perf_counter()
    codec = Codec(path, threads) if threads else compiled(path)
    if codec is None:
        raise SystemExit("there is no compiled kernel for this machine or this file: --threads 1 is ONNX Runtime")
    loaded = time.perf_counter() - start
    random = np.random.default_rng(0)
    results = []
    for count in streams:
        for chunk in chunks:
            states = [codec.state() for _ in range(count)]
            codes = [random.integers(0, codec.codebook_size, (chunk, codec.codebooks)) for _ in range(count)]

            def decode(codes: list[np.ndarray] = codes, states: list = states) -> object:  # type: ignore[type-arg]
                return codec.decode_batch(codes, states)

            found = measure(decode, chunk * count, seconds)
            results.append({"streams": count, "chunk": chunk, **found})
    memory = psutil.Process().memory_info().rss >> 20
    return {"threads": threads, "load_seconds": round(loaded, 1), "resident_mib": memory, "ms_per_frame": results}


def main() -> None:
    numbers = lambda text: [int(part) for part in text.split(",")]  # noqa: E731
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=numbers, default=[1, 2, 4, 8, 12])
    parser.add_argument("--threads", type=numbers, default=[0, 1, 2])
    parser.add_argument("--streams", type=numbers, default=[1])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = options.model or make(Path(directory))
        runs = [bench(path, count, options.chunks, options.streams, options.seconds) for count in options.threads]
    json.dump({"cores": os.cpu_count(), "load": os.getloadavg(), "runs": runs}, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
