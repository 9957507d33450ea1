"""1,000 VoiceProfiles on one engine: how long until they speak, what the operator asks for it, and what it takes.

A real API server alone (KUBEBUILDER_ASSETS names a folder with etcd, kube-apiserver and kubectl), a real operator, and
a real fetcher and engine (espeak) as the engine's one pod. Prints one JSON document; the exit status is 1 where a
promise is not kept. Usage: bench_operator.py [--profiles 1000] [--idle 300] [--changes 20]
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import psutil

sys.path.append(str(Path(__file__).parents[1]))

from support import apiserver
from support.many_profiles import ManyProfiles, place, profile
from support.operator_process import changes, lines, requests

FIRST_PASS_S: Final = 60.0
CHANGE_P95_S: Final = 2.0
_PATIENCE_S: Final = 600.0
_SETTLE_S: Final = 5.0
"""For passes that follow a change."""


def asked(there: ManyProfiles, since: int) -> dict[str, int]:
    """The operator's requests from a line of the audit log on, by verb and resource."""
    found = Counter[str]()
    for each in requests(there.api, there.user, since):
        about = each.get("objectRef", {"resource": each["requestURI"]})
        found[f"{each['verb']} {'/'.join(filter(None, (about['resource'], about.get('subresource'))))}"] += 1
    return dict(sorted(found.items()))


def writes(there: ManyProfiles, since: int) -> dict[str, int]:
    """Those that change something, but for the Lease's renewals."""
    found = changes(requests(there.api, there.user, since))
    return {f"{verb} {resource}": count for (verb, resource), count in sorted(found.items())}


def size(there: ManyProfiles) -> float:
    """The operator's resident memory in MB."""
    return round(psutil.Process(there.operator.pid).memory_info().rss / 1e6, 1)


def cpu(there: ManyProfiles) -> float:
    """The operator's CPU seconds so far."""
    times = psutil.Process(there.operator.pid).cpu_times()
    return round(times.user + times.system, 1)


async def measured(there: ManyProfiles, what: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """What it tells, with the operator's requests, passes, CPU seconds and memory meanwhile."""
    since, before, (passes, seconds) = lines(there.api), cpu(there), await there.passes()
    told = await what()
    passes_after, seconds_after = await there.passes()
    return {
        **told,
        "requests": asked(there, since),
        "passes": passes_after - passes,
        "seconds_in_passes": round(seconds_after - seconds, 2),
        "cpu_seconds": round(cpu(there) - before, 1),
        "rss_mb": size(there),
    }


async def first(there: ManyProfiles, count: int) -> dict[str, Any]:
    """All are applied while the operator runs."""
    began = time.monotonic()
    wanted = await there.apply(profile(there.namespace, index) for index in range(count))
    applied = time.monotonic()
    ready = await there.readiness.when(wanted, _PATIENCE_S)
    await asyncio.sleep(_SETTLE_S)
    return {"seconds_to_apply": round(applied - began, 1), "seconds_to_all_ready": round(ready - began, 1)}


async def rest(there: ManyProfiles, seconds: float) -> dict[str, Any]:
    """Nothing is done for a while."""
    since = lines(there.api)
    await asyncio.sleep(seconds)
    return {"seconds": seconds, "writes_but_lease_renewals": writes(there, since)}


async def change(there: ManyProfiles, index: int, pitch: float) -> float:
    """Another voice for one profile; seconds from apply to Ready."""
    began = time.monotonic()
    wanted = await there.apply([profile(there.namespace, index, pitch)])
    return await there.readiness.when(wanted, _PATIENCE_S) - began


async def one(there: ManyProfiles) -> dict[str, Any]:
    """One is changed."""
    seconds = await change(there, 0, 3.0)
    await asyncio.sleep(_SETTLE_S)
    return {"seconds_to_ready": round(seconds, 2)}


async def several(there: ManyProfiles, count: int, profiles: int) -> dict[str, Any]:
    """So many are changed, each when the one before is Ready."""
    took = sorted([await change(there, step * profiles // count, 4.0) for step in range(count)])
    await asyncio.sleep(_SETTLE_S)
    told = {"p50": statistics.median(took), "p95": took[int(len(took) * 0.95)], "most": took[-1]}
    return {"changes": count, "seconds_to_ready": {name: round(value, 2) for name, value in told.items()}}


async def again(there: ManyProfiles, changed: int) -> dict[str, Any]:
    """The operator starts anew, after so many profiles were changed while there was none."""
    await there.stop()
    wanted = await there.apply(profile(there.namespace, index, 5.0) for index in range(changed))
    since, began = lines(there.api), time.monotonic()
    await there.start()
    leads = time.monotonic()
    await there.passed(_PATIENCE_S)
    passed = time.monotonic()
    ready = await there.readiness.when(wanted, _PATIENCE_S) if wanted else passed
    await asyncio.sleep(_SETTLE_S)
    return {
        "profiles_changed_meanwhile": changed,
        "seconds_to_lead": round(leads - began, 1),
        "seconds_to_first_pass": round(passed - began, 1),
        "seconds_to_all_ready": round(ready - began, 1),
        "writes_but_lease_renewals": writes(there, since),
        "cpu_seconds": cpu(there),
        "rss_mb": size(there),
    }


async def run(profiles: int, idle: float, several_: int) -> dict[str, Any]:
    """All of it, one after another."""
    with tempfile.TemporaryDirectory() as folder, apiserver.running(Path(folder)) as api:
        api.install_crds()
        async with place(api, Path(folder), profiles) as there:
            started = {"rss_mb": size(there), "cpu_seconds": cpu(there)}
            found = {
                "profiles": profiles,
                "operator_started": started,
                "applied": await measured(there, lambda: first(there, profiles)),
                "idle": await measured(there, lambda: rest(there, idle)),
                "one_change": await measured(there, lambda: one(there)),
                "changes": await measured(there, lambda: several(there, several_, profiles)),
                "operator_at_the_end": {"rss_mb": size(there), "cpu_seconds": cpu(there)},
                "restart": await again(there, 0),
                "restart_all_changed": await again(there, profiles),
            }
    return {**found, "promises_broken": broken(found)}


def broken(found: dict[str, Any]) -> list[str]:
    """Which promises are not kept."""
    first_pass = max(found[what]["seconds_to_all_ready"] for what in ("applied", "restart_all_changed"))
    p95 = found["changes"]["seconds_to_ready"]["p95"]
    checks = {
        f"all are Ready within {FIRST_PASS_S:g} s": first_pass <= FIRST_PASS_S,
        "an idle operator writes nothing but its Lease": not found["idle"]["writes_but_lease_renewals"],
        f"a changed profile is Ready within {CHANGE_P95_S:g} s (p95)": p95 <= CHANGE_P95_S,
        "an operator that starts anew writes nothing but its Lease": not found["restart"]["writes_but_lease_renewals"],
    }
    return [promise for promise, kept in checks.items() if not kept]


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", type=int, default=1_000)
    parser.add_argument("--idle", type=float, default=300.0, help="seconds")
    parser.add_argument("--changes", type=int, default=20)
    chosen = parser.parse_args()
    if lacking := apiserver.lacking():
        sys.exit(lacking)
    found = asyncio.run(run(chosen.profiles, chosen.idle, chosen.changes))
    print(json.dumps(found, indent=2))
    sys.exit(bool(found["promises_broken"]))


if __name__ == "__main__":
    main()
