from pathlib import Path

import pytest

from support import peft


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A model directory of SIZES."""
    return peft.write_base(tmp_path / "base")
