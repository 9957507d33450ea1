"""Nothing of the engine sends usage anywhere."""

import os
import subprocess
import sys
from pathlib import Path

_SESSION = """
import sys
from pathlib import Path
from timbre_engine.qwen3tts.codec import Codec
Codec(Path(sys.argv[1]), 1)
"""


def test_onnx_runtime_keeps_no_machine_id(tiny_model: Path, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment = {**kept, "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    command = [sys.executable, "-c", _SESSION, str(tiny_model / "codec.onnx")]
    subprocess.run(command, env=environment, check=True)
    assert not list(tmp_path.iterdir())
