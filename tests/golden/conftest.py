from pathlib import Path

import pytest

from support import golden
from timbre_engine.convert import pipeline
from timbre_engine.model.manifest import Quantisation


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint in Hugging Face layout."""
    return golden.make_checkpoint(tmp_path_factory.mktemp("golden") / "checkpoint")


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PEFT adapter for it."""
    return golden.make_adapter(tmp_path_factory.mktemp("golden") / "adapter")


@pytest.fixture(scope="session")
def model_dir(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint converted in float32."""
    directory = tmp_path_factory.mktemp("golden") / "model"
    pipeline.convert(checkpoint, directory, Quantisation.F32, lambda _: None)
    return directory


@pytest.fixture(scope="session")
def adapter_file(adapter: Path, model_dir: Path) -> Path:
    """The adapter exported in float32."""
    return golden.export_adapter(adapter, model_dir, "lora.gguf")
