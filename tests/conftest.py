"""Counts for each tier, so that a run shows what it covered and what this machine could not run."""

import os
from collections import Counter
from collections.abc import Callable
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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have those come last that look at what all others did."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture
def partly(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Says why what ran of a tier, beside this file's tests, is not the whole of it; "" where it is."""
    root, config = request.config.rootpath, request.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None

    def why(tier: str) -> str:
        ran = {report.nodeid.partition("::")[0] for report in reporter.stats.get("passed", [])}
        files = {path.relative_to(root).as_posix() for path in (root / "tests" / tier).rglob("test_*.py")}
        others = files - ran - {request.path.relative_to(root).as_posix()}
        if others or reporter.stats.get("deselected") or any("::" in each for each in config.args):
            return f"not all tests of the tier {tier} were chosen"
        amiss = {outcome: count for outcome, count in _tiers(reporter)[tier].items() if outcome != "passed"}
        return f"of the tier {tier}: {amiss}" if amiss else ""

    return why


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
