import json
from pathlib import Path

import pytest

from support import golden
from timbre_engine.convert import pipeline
from timbre_engine.model import manifest
from timbre_engine.model.manifest import Quantisation


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory of the golden data's tiny checkpoint, in float32, with its adapter as `adapters/lisa.gguf`."""
    directory = tmp_path_factory.mktemp("tiny")
    checkpoint = golden.make_checkpoint(directory / "checkpoint")
    pipeline.convert(checkpoint, directory / "model", Quantisation.F32, lambda _: None)
    (directory / "model" / "adapters").mkdir()
    golden.export_adapter(golden.make_adapter(directory / "peft"), directory / "model", "adapters/lisa.gguf")
    return directory / "model"


@pytest.fixture(scope="session")
def base_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as one of the kind `base`, whose voices come from recordings."""
    directory = tmp_path_factory.mktemp("base")
    for path in tiny_model.iterdir():
        if path.name != manifest.FILE:
            (directory / path.name).symlink_to(path)
    model = json.loads((tiny_model / manifest.FILE).read_text()) | {"kind": "base"}
    (directory / manifest.FILE).write_text(json.dumps(model))
    return directory
