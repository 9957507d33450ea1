"""Counts for each tier, so that a run shows what it covered and what this machine could not run."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No time limits: on a machine that does something else too they fail by chance.
settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# CI runs the same examples each time, so that it fails for a change and not by chance; elsewhere each run explores.
settings.register_profile("ci", settings.get_profile("explore"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "explore")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tiers: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            tier = Path(report.nodeid).parts[1] if report.nodeid.startswith("tests/") else Path(report.nodeid).parts[0]
            tiers.setdefault(tier, Counter())[outcome] += 1
    terminalreporter.section("tests in each tier")
    for tier, counts in sorted(tiers.items()):
        terminalreporter.line(f"{tier:16}" + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
