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

REQUIRED = frozenset(os.environ.get("TIMBRE_TEST_TIERS", "").split())
"""Folders of tests that have to run here: a run in which one of them ran nothing, or skipped a test, fails."""
COVERS = {
    "api": "an API server alone",
    "charts": "helm, and an API server alone",
    "compose": "images, by podman",
    "operator": "pure functions, and kmock",
    "pods": "a cluster with pods, and KEDA",
}
"""What a tier stands on, where it is more than the folder's name tells."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("tests in each tier")
    for tier, counts in sorted(_tiers(terminalreporter).items()):
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
        terminalreporter.line(f"{tier:16}{told:32}{COVERS.get(tier, '')}".rstrip())
    for tier in _lacking(terminalreporter):
        terminalreporter.line(f"{tier}: this tier has to run here (TIMBRE_TEST_TIERS), and did not run whole", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.exitstatus == pytest.ExitCode.OK and _lacking(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _tiers(reporter: pytest.TerminalReporter) -> dict[str, Counter[str]]:
    tiers: dict[str, Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in reporter.stats.get(outcome, []):
            tier = Path(report.nodeid).parts[1] if report.nodeid.startswith("tests/") else Path(report.nodeid).parts[0]
            tiers.setdefault(tier, Counter())[outcome] += 1
    return tiers


def _lacking(reporter: pytest.TerminalReporter) -> list[str]:
    tiers = _tiers(reporter)
    return sorted(each for each in REQUIRED if not tiers.get(each, Counter())["passed"] or tiers[each]["skipped"])
