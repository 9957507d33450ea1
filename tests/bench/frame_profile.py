"""What one frame of the engine is made of, part by part, and what adapters cost: milliseconds of wall time."""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from timbre_common.voiceprofile import Adapter
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.sampling import Draw


def spread(values: Sequence[float], digits: int = 1) -> dict[str, float]:
    """Median, 95th percentile and least."""
    return {
        "p50": round(statistics.median(values), digits),
        "p95": round(float(np.percentile(values, 95)), digits),
        "least": round(min(values), digits),
    }


def profile(options: Options) -> dict[str, Any]:
    """What one frame is made of, ms of wall time; and what adapters cost."""
    machine = Machine(options)
    machine.warm()
    wanted = Adapter(path="voice0.gguf")
    checked = timed(lambda: machine.adapters.know(wanted, machine.adapters.check(wanted)), 5)
    vector = machine.table.pad[None]
    plain = machine.talker.open(())
    machine.talker.prefill(plain, np.repeat(vector, 10, axis=0))
    hidden, _ = machine.talker.step([plain], vector)
    draw = Draw(machine.manifest.predictor_sampling, np.random.default_rng(0))
    state = machine.codec.state()
    report: dict[str, Any] = {"adapter_check_ms": checked, "talker_step_ms": timed(lambda: step(machine, plain))}
    began = time.perf_counter()
    key = machine.adapters.take([(wanted, 1.0)])
    report["adapter_load_ms"] = round((time.perf_counter() - began) * 1000, 1)
    began = time.perf_counter()
    adapted = machine.talker.open(key)
    machine.talker.prefill(adapted, np.repeat(vector, 10, axis=0))
    report["lane_and_prefix_ms"] = round((time.perf_counter() - began) * 1000, 1)
    report["talker_step_with_adapter_ms"] = timed(lambda: step(machine, adapted))

    report["talker_step_more_after_a_change_ms"] = after_a_change(machine, plain, adapted)
    for batch in (1, 2, 4):
        states, vectors = (np.repeat(each, batch, axis=0) for each in (hidden, vector))
        report[f"predictor_{batch}_ms"] = timed(
            partial(machine.predictor.predict, states, vectors, [draw] * batch, [()] * batch)
        )
    for frames in (1, 2, 4):
        codes = np.zeros((frames, machine.manifest.codec.codebooks), np.int32)
        report[f"codec_{frames}_frames_ms"] = timed(lambda: machine.codec.decode(codes, state))  # noqa: B023
    machine.close()
    return report


def step(machine: Machine, sequence: Any) -> None:
    """One step of the talker, again at the same position."""
    machine.talker.step([sequence], machine.table.pad[None])


def after_a_change(machine: Machine, *sequences: Any, times: int = 40) -> float:
    """Milliseconds that a step costs more where the one before it was under other adapters: the median of differences.

    Each sequence makes two steps in its turn, and the first is compared with the second, so that what else slows the
    machine for a while slows both.
    """
    differences = []
    for _ in range(times):
        for sequence in sequences:
            changed, same = (timed(lambda: step(machine, sequence), 1)["p50"] for _ in range(2))  # noqa: B023
            differences.append(changed - same)
    return round(statistics.median(differences), 1)


def timed(call: Callable[[], Any], times: int = 20) -> dict[str, float]:
    """Milliseconds of a call."""
    values = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        values.append((time.perf_counter() - began) * 1000)
    return spread(values)
