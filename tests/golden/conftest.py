from pathlib import Path

import pytest

from support import golden


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint in Hugging Face layout."""
    return golden.make_checkpoint(tmp_path_factory.mktemp("golden") / "checkpoint")


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PEFT adapter for it."""
    return golden.make_adapter(tmp_path_factory.mktemp("golden") / "adapter")
