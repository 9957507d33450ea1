"""The product in three containers with a model: the golden checkpoint, and an adapter from the shared folder."""

import shutil
from collections.abc import Iterator

import pytest
import yaml

from compose.project import Project, up
from support import containers, golden
from support.hearing import hear
from timbre_engine.convert import pipeline
from timbre_engine.model.manifest import Quantisation

AGENTS = {"lisa": {"adapter": {"path": "lisa.gguf"}}, "electra": {}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    containers.require_podman("engine", "bridge", "test-redis")
    directory, model = tmp_path_factory.mktemp("compose"), tmp_path_factory.mktemp("models") / "tiny"
    pipeline.convert(golden.make_checkpoint(model.parent / "checkpoint"), model, Quantisation.F32, lambda _: None)
    adapter = golden.export_adapter(golden.make_adapter(model.parent / "adapter"), model, "lisa.gguf")
    adapters = directory / "voices" / "loras"
    adapters.mkdir(parents=True)
    shutil.move(adapter, adapters)
    for agent, more in AGENTS.items():
        spec = {"agentID": agent, "languages": ["fr"], "speaker": "vivian", "sampling": {"temperature": 0}, **more}
        profile = {
            "apiVersion": "timbre.dev/v1alpha1",
            "kind": "VoiceProfile",
            "metadata": {"name": agent},
            "spec": spec,
        }
        path = directory / "loras" / agent / "voiceprofile.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(profile))
    with up(directory, MODEL=str(model)) as made:
        yield made


async def test_the_model_speaks_and_an_adapter_changes_the_voice(project: Project) -> None:
    said = []
    for agent in AGENTS:
        heard = await hear(project.url, project.redis_url, project.token(), agent, "Oui.")
        heard.check(least_s=0.1)
        said.append(heard.pcm)
    assert said[0] != said[1]


def test_what_is_no_model_directory_is_refused(project: Project) -> None:
    with pytest.raises(AssertionError, match=r"Qwen/Qwen3-TTS holds no model\.json"):
        project.make("up", MODEL="Qwen/Qwen3-TTS")
