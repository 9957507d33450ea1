"""What helm prints after an install names what is there."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from support.apiserver import ApiServer
from support.helm import CHART, CHARTS, Object, helm, template

KINDS = {"deploy": "Deployment", "svc": "Service", "spe": "SpeechEngine"}


@pytest.fixture
def notes(cluster: ApiServer, tmp_path: Path) -> Callable[[Object], str]:
    """What is printed, by values."""
    cluster.install_crds()

    def printed(values: Object) -> str:
        (tmp_path / "values.yaml").write_text(yaml.safe_dump(values))
        where = ["--namespace=voices", f"--values={tmp_path / 'values.yaml'}", f"--kubeconfig={cluster.kubeconfig}"]
        return helm("install", "demo", str(CHART), "--dry-run=client", *where).stdout.partition("NOTES:\n")[2]

    return printed


@pytest.mark.parametrize(
    ("values", "named", "said"),
    [
        ({}, {"spe/default", "deploy/demo-timbre-bridge", "svc/demo-timbre-bridge"}, 'echo "http://localhost:8760/#'),
        ({"engine": {"name": "main"}, "bridge": {"enabled": False}}, {"spe/main"}, "get vp"),
        ({"model": {"pull": {"enabled": True}}, "bridge": {"enabled": False}}, {"spe/default"}, "--timeout=60m"),
        ({"engine": {"create": False}, "bridge": {"enabled": False}}, set(), "examples/engines/demonstration.yaml"),
        (
            {"bridge": {"ingress": {"enabled": True, "host": "voices.example.org"}}},
            {"spe/default", "deploy/demo-timbre-bridge"},
            'echo "https://voices.example.org/#token=$token"',
        ),
        (
            {"bridge": {"token": {"jwksConfigMap": "keys"}}},
            {"spe/default", "svc/demo-timbre-bridge"},
            "from your own issuer",
        ),
        (
            {"redis": {"existingSecret": "mine"}},
            {"spe/default", "deploy/demo-timbre-bridge", "svc/demo-timbre-bridge"},
            "of the Redis in Secret mine.",
        ),
    ],
    ids=str,
)
def test_commands_name_what_is_there(
    notes: Callable[[Object], str], values: Object, named: set[str], said: str
) -> None:
    text = notes(values)
    assert said in text
    found = set(re.findall(r"\b(?:deploy|svc|spe)/[a-z0-9-]+", text))
    assert found == named
    made = {f"{each['kind']}/{each['metadata']['name']}" for each in template(values)}
    assert {"/".join((KINDS[kind], name)) for kind, name in (each.split("/") for each in found)} <= made
    assert all((CHARTS.parent / path).is_file() for path in re.findall(r"-f (\S+)", text))
