"""`timbre-engine`'s commands beside serving: what an interrupted one, and one that lacks its extra, leave behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import golden

_SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would have it ignored
from pathlib import Path
from timbre_engine.convert import pipeline
def write_codec(*_):
    Path(sys.argv[3] + ".reached").touch()
    time.sleep(60)
pipeline.write_codec = write_codec
from timbre_engine.cli import main
main()
"""
_WITHOUT = "import sys; sys.modules['tqdm'] = None; from timbre_engine.cli import main; main()"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_interrupted_conversion_leaves_nothing(tmp_path: Path, number: signal.Signals, code: int) -> None:
    checkpoint, target = golden.make_checkpoint(tmp_path / "checkpoint"), tmp_path / "made" / "model"
    command = [sys.executable, "-c", _SLOW, "convert", str(checkpoint), str(target)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 30
        while not target.with_name("model.reached").exists():
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
        assert any(target.parent.glob(".model.*/talker.gguf"))
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
    assert process.returncode == code and "Traceback" not in told
    assert [path.name for path in target.parent.iterdir()] == ["model.reached"]


def test_a_missing_extra_is_named_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WITHOUT, "convert", str(tmp_path), str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert done.stderr == "timbre-engine: tqdm is missing: install the extra `convert` (timbre-voices[convert])\n"
