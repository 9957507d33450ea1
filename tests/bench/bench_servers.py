"""Compare web servers for the bridge: page, HTTP endpoints and many WebSocket listeners in one process.

Each candidate serves in its own process; the listeners live in another; all on loopback with compression off. Every
80 ms the server sends one 3,856-byte frame to every listener. Prints one JSON document; progress goes to stderr.

    python tests/bench/bench_servers.py [--listeners 1000] [--seconds 10] [--repeats 3] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))  # run as a script, so its package is found from here

from bench.servers.backends import CANDIDATES
from bench.servers.core import PAYLOAD_BYTES, TICK_S
from bench.servers.run import run_once

LIMIT_MS = TICK_S * 1e3
STEPS = (500, 250, 100)
STALL_LISTENERS = 20
STALL_SECONDS = 6.0
LIBRARIES = ("websockets", "starlette", "uvicorn", "aiohttp", "uvloop", "httptools")


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each numeric figure over the runs."""
    names = [name for name, value in runs[0].items() if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return {name: round(statistics.median(run[name] for run in runs), 4) for name in names}


def holds(figures: dict[str, Any]) -> bool:
    """Whether every frame arrived and 95 % of them before the next was due."""
    complete = figures["frames_delivered"] >= figures["frames_expected"]
    return bool(complete and figures["since_due_p95_ms"] < LIMIT_MS)


def versions() -> dict[str, str]:
    found: dict[str, str] = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def raise_file_limit(wanted: int) -> None:
    """Children inherit this limit; each listener takes one descriptor on each side."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))


async def one(name: str, listeners: int, seconds: float, stalled: int = 0) -> dict[str, Any] | None:
    try:
        figures = await run_once(name, listeners, seconds, stalled=stalled)
    except (RuntimeError, OSError, TimeoutError) as error:
        progress(f"{name}: {listeners} listeners: failed: {error!r}")
        return None
    progress(
        f"{name}: {listeners} listeners: {figures['frames_delivered']}/{figures['frames_expected']} frames, "
        f"p95 {figures['latency_p95_ms']} ms, cpu {figures['server_cpu_per_audio_s']}"
    )
    return figures


async def highest(name: str, full: int, figures: dict[str, Any], seconds: float) -> int:
    """The most listeners, of the full number and the steps below it, that the candidate holds."""
    if holds(figures):
        return full
    for listeners in (step for step in STEPS if step < full):
        fewer = await one(name, listeners, seconds)
        if fewer and holds(fewer):
            return listeners
    return 0


async def stall(name: str) -> dict[str, Any] | None:
    """What one listener that never reads does to the others."""
    figures = await one(name, STALL_LISTENERS, STALL_SECONDS, stalled=1)
    if figures is None:
        return None
    keys = ("buffer_visible", "max_buffered_bytes", "dropped", "frames_expected", "frames_delivered")
    return {key: figures[key] for key in keys}


async def compare(options: argparse.Namespace) -> dict[str, Any]:
    names = [name for name in options.only or CANDIDATES if CANDIDATES[name].available()]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for number in range(options.repeats):
        for name in names if number % 2 == 0 else reversed(names):
            progress(f"round {number + 1} of {options.repeats}")
            figures = await one(name, options.listeners, options.seconds)
            if figures:
                runs[name].append(figures)
    results: dict[str, Any] = {}
    for name in names:
        if not runs[name]:
            results[name] = {"failed": True}
            continue
        middle = medians(runs[name])
        most = await highest(name, options.listeners, middle, min(options.seconds, 5.0))
        results[name] = {"runs": len(runs[name]), "median": middle, "most_listeners_held": most}
        results[name]["latency_p95_ms_each_run"] = [run["latency_p95_ms"] for run in runs[name]]
        if not options.no_stall:
            results[name]["one_stalled_listener"] = await stall(name)
    held = {name: result.get("most_listeners_held", 0) for name, result in results.items()}
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "platform": f"{platform.system()} {platform.machine()}",
        "versions": versions(),
        "listeners": options.listeners,
        "seconds": options.seconds,
        "repeats": options.repeats,
        "frame_bytes": PAYLOAD_BYTES,
        "tick_ms": LIMIT_MS,
        "all_saturated": all(most < options.listeners for most in held.values()),
        "candidates": results,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=sorted(CANDIDATES), help="candidates to run (default: all)")
    parser.add_argument("--no-stall", action="store_true", help="leave out the run with a listener that never reads")
    options = parser.parse_args()
    raise_file_limit(options.listeners + 256)
    print(json.dumps(asyncio.run(compare(options)), indent=2))


if __name__ == "__main__":
    main()
