"""Counts for each tier, so that a run shows what it covered and what this machine could not run."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# CI runs the same examples each time, so that it fails for a change and not by chance; elsewhere each run explores.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tiers: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            tier = Path(report.nodeid).parts[1] if report.nodeid.startswith("tests/") else Path(report.nodeid).parts[0]
            tiers.setdefault(tier, Counter())[outcome] += 1
    terminalreporter.section("tests in each tier")
    for tier, counts in sorted(tiers.items()):
        terminalreporter.line(f"{tier:16}" + ", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
