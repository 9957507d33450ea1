"""The official implementation in an environment of its own, and what it answers there."""

import json
import subprocess
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ROOT: Final = Path(__file__).parents[2]
PYTHON: Final = ROOT / ".parity-venv" / "bin" / "python"
STAMP: Final = ROOT / ".parity-venv" / ".made"
"""There once all is installed."""

Answers = dict[str, NDArray[Any]]


def ask(folder: Path, questions: dict[str, Any]) -> Answers:
    """NAME.array, for the questions that official.py knows; both are written into the folder."""
    asked, answers = folder / "questions.json", folder / "answers.npz"
    asked.write_text(json.dumps(questions))
    subprocess.run([PYTHON, Path(__file__).parent / "official.py", asked, answers], check=True, timeout=600)
    with np.load(answers) as file:
        return dict(file)
