"""How many threads to compute with: from what the process may use, not from what the machine has."""

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup/cpu.max")


def available(cgroup: Path = _CGROUP) -> int:
    """Whole processors: the smaller of the affinity and the cgroup's quota, at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cgroup.read_text(encoding="ascii").split()
        count = min(count, int(quota) // int(period))
    except (OSError, ValueError):  # no cgroup v2, or no quota ("max")
        pass
    return max(1, count)


def talker_threads() -> int:
    """For the talker, whose threads spin while they wait: all but the codec's, up to four, where the gain ends."""
    return max(1, min(4, available() - codec_threads()))


def predictor_threads() -> int:
    """For the predictor, whose threads sleep while they wait and so may share the codec's processor: up to four."""
    return min(4, available())


def codec_threads() -> int:
    """For the codec, which keeps up with one stream on one."""
    return 1 if available() < 4 else 2
