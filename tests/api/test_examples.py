"""The chart's examples: the API server takes them as they are, and the three agents are those of loras/."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.apiserver import ApiServer
from timbre_common import decoding
from timbre_common.voiceprofile import VoiceProfile
from timbre_operator.resources import speechengine

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "charts" / "timbre" / "examples"
FILES = sorted([*EXAMPLES.glob("voices/*.yaml"), *EXAMPLES.glob("engines/*.yaml")])


def documents(file: Path) -> list[Any]:
    return list(yaml.safe_load_all(file.read_text()))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_is_accepted(api: ApiServer, file: Path) -> None:
    namespace = f"example-{file.stem}"
    api.kubectl("create", "namespace", namespace)
    api.kubectl("apply", "--server-side", "--validate=strict", "-n", namespace, "-f", str(file))
    told = api.kubectl("get", "timbre", "-n", namespace, "-o", "name").split()
    assert len(told) == len(documents(file))


def test_every_agent_of_loras_is_an_example() -> None:
    examples = {file.stem: documents(file) for file in EXAMPLES.glob("voices/*.yaml")}
    assert examples == {file.parent.name: documents(file) for file in (ROOT / "loras").glob("*/voiceprofile.yaml")}
    assert examples.keys() >= {"lisa", "electra", "renarde"}


def test_examples_are_what_python_reads() -> None:
    engines = set()
    for file in FILES:
        for document in documents(file):
            if document["kind"] == speechengine.KIND:
                engines.add(speechengine.parse(document).spec.backend.value)
            else:
                decoding.convert(document, VoiceProfile)
    assert engines == {"espeak", "qwen3tts"}
