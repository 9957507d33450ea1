"""Alerts fire when they shall, and each has a runbook."""

import re
import subprocess
from pathlib import Path

import yaml

from support.helm import CHART, CHARTS, one, template
from support.prometheus import tool

RULES = CHART / "files" / "rules.yaml"
RUNBOOKS = CHARTS.parent / "docs" / "runbooks.md"
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_alerts_fire_when_they_shall(tmp_path: Path) -> None:
    cases = Path(__file__).with_name("alerts.yaml").read_text()
    (tmp_path / "alerts.yaml").write_text(cases.replace("RULES", str(RULES)))
    done = subprocess.run(
        [tool("promtool"), "test", "rules", str(tmp_path / "alerts.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = {each["alertname"] for test in yaml.safe_load(cases)["tests"] for each in test["alert_rule_test"]}
    assert told == {alert["alert"] for alert in ALERTS}


def test_each_alert_has_a_runbook() -> None:
    headings = {match.lower() for match in re.findall(r"^## (\w+)$", RUNBOOKS.read_text(), re.MULTILINE)}
    assert headings == {alert["alert"].lower() for alert in ALERTS}
    for alert in ALERTS:
        assert alert["annotations"]["runbook_url"] == f"docs/runbooks.md#{alert['alert'].lower()}"


def test_the_rule_object_holds_them_with_links_to_where_the_page_is() -> None:
    page = "https://wiki.example.org/timbre"
    rule = one(template({"monitoring": {"rules": {"enabled": True, "runbooks": page}}}), "PrometheusRule")
    made = [each for group in rule["spec"]["groups"] for each in group["rules"]]
    assert [each["expr"] for each in made] == [alert["expr"] for alert in ALERTS]
    assert made[0]["annotations"]["runbook_url"] == f"{page}#timbretimetofirstbyteslow"
    assert "{{ $labels.namespace }}" in made[0]["annotations"]["summary"]
