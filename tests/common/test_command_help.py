"""A command's docstring without its imports."""

import sys
from pathlib import Path

import pytest

from timbre_common.command_help import docstring


def test_it_is_read_and_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "heavy_commands"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "weigh.py").write_text(
        'import nowhere\n\ndef other(): ...\n\ndef weigh():\n    """Weigh it.\n\n    Twice."""\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert docstring("heavy_commands", "weigh", "weigh") == "Weigh it.\n\nTwice."
    assert docstring("heavy_commands", "weigh", "other") == ""
    assert "heavy_commands.weigh" not in sys.modules
