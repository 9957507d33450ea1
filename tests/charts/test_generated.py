"""What is generated of the charts is what the sources make: `make charts` writes it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.helm import CHART, refusal
from timbre_charts.files import generated

GENERATOR = Path(sys.prefix) / "readme-generator" / "node_modules" / ".bin" / "readme-generator"


@pytest.mark.parametrize("path", generated(), ids=lambda path: str(Path(path).name))
def test_it_is_current(path: Path) -> None:
    assert path.read_text() == generated()[path], "run `make charts`"


def test_the_table_of_values_is_current(tmp_path: Path) -> None:
    if not GENERATOR.exists():
        pytest.skip("no @bitnami/readme-generator-for-helm: `make charts` installs it where npm is")
    readme = Path(shutil.copy(CHART / "README.md", tmp_path))
    command = [str(GENERATOR), "--values", str(CHART / "values.yaml"), "--readme", str(readme)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert readme.read_text() == (CHART / "README.md").read_text(), "run `make charts`"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"operators": {}}, "additional properties 'operators' not allowed"),
        ({"operator": {"replica": 2}}, "at '/operator': additional properties 'replica' not allowed"),
        ({"operator": {"replicas": "two"}}, "at '/operator/replicas': got string, want integer"),
        ({"bridge": {"settings": {"flor": "mix"}}}, "at '/bridge/settings': additional properties 'flor' not allowed"),
        ({"bridge": {"settings": {"floor": "duck"}}}, "at '/bridge/settings/floor': value must be one of 'queue'"),
        ({"bridge": {"settings": {"port": 1}}}, "additional properties 'port' not allowed"),
        ({"bridge": {"ingress": {"enabled": True}}}, "at '/bridge/ingress/host': minLength: got 0, want 1"),
        ({"bridge": {"httpRoute": {"enabled": True}}}, "at '/bridge/httpRoute/parentRefs': minItems: got 0, want 1"),
        ({"engine": {"image": {"tag": ""}}}, "at '/engine/image/tag': minLength: got 0, want 1"),
        ({"engine": {"spec": {"slot": 8}}}, "at '/engine/spec': additional properties 'slot' not allowed"),
        ({"engine": {"spec": {"slots": "many"}}}, "at '/engine/spec/slots': got string, want integer"),
        ({"model": {"pull": {"quantisation": "Q5"}}}, "value must be one of 'Q4_K_M', 'Q4_0', 'Q8_0', 'F16', 'F32'"),
        ({"operator": {"clusterWide": True, "namespaces": ["a"]}}, "set it, or operator.namespaces, not both"),
        ({"operator": {"namespaces": ["a"]}}, "operator.namespaces lacks voices, where engine.create makes an engine"),
        ({"bridge": {"token": {"existingSecret": "a", "jwksConfigMap": "b"}}}, "by jwksConfigMap: set one of them"),
        ({"redis": {"caSecret": "a", "caConfigMap": "b"}}, "in caSecret or in caConfigMap: set one of them"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused_with_its_place(values: dict[str, object], told: str) -> None:
    assert told in refusal(values)
