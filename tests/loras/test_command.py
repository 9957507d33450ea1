import errno
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from support import peft
from support.process import run
from timbre_common.errors import SetupError
from timbre_loras import atomic


def test_export_then_inspect(tmp_path: Path, base: Path) -> None:
    source = peft.write_adapter(tmp_path / "peft", peft.tensors("self_attn.q_proj"))
    output, voice = tmp_path / "lisa.gguf", tmp_path / "voice.safetensors"
    save_file({"x_vector": np.ones(12, np.float32)}, voice)
    options = ("-o", output, "--base", base, "--dtype", "f32", "--name", "Li\x1b[31msa", "--x-vector", voice)
    exported = run("timbre-loras", "export", source, *options)
    assert (exported.returncode, exported.stderr) == (0, "")
    assert "3 weights adapted" in exported.stdout
    told = run("timbre-loras", "inspect", output).stdout
    for part in (
        f"sha256:{peft.TALKER_SHA256}",
        "blk.2.attn_q.weight.lora_b",
        "8 x 4",
        "F32",
        "sha256:",
        "tensors               6",
        "timbre.x_vector       12 values",
    ):
        assert part in told
    facts = json.loads(run("timbre-loras", "inspect", output, "--json").stdout)
    assert (facts["weights"], facts["ranks"], facts["alpha"]) == (3, [4], 8.0)
    assert facts["base"] == f"sha256:{peft.TALKER_SHA256}" and facts["digest"] in told
    assert facts["tensors"][1] == {"name": "blk.0.attn_q.weight.lora_b", "shape": [8, 4], "type": "F32", "bytes": 128}
    assert "\x1b" not in told and r"Li\x1b[31msa" in told


def test_every_command_has_a_summary_and_keeps_its_own_help() -> None:
    told = run("timbre-loras", "--help").stdout
    summaries = re.findall(r"^│ (\w+) +([A-Z].*?) *│$", told, re.MULTILINE)
    assert {"export", "prepare", "train", "reference", "verify", "merge", "publish", "voices"} <= dict(summaries).keys()
    assert "delete it to make it again" in run("timbre-loras", "voices", "--help").stdout


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    atomic.make_folder(tmp_path / "made" / "below")
    assert list((tmp_path / "made").iterdir()) == [tmp_path / "made" / "below"]
    with pytest.raises(SetupError, match="file/below cannot be written: Not a directory"):
        atomic.make_folder(tmp_path / "file" / "below")


STOPPED = """
import os, signal
from pathlib import Path
from timbre_loras import atomic, cli

@cli.app.command
def half(path: Path) -> None:
    with atomic.replacing(path) as partial:
        partial.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGTERM)
        partial.write_bytes(b"whole")

cli.main()
"""


def test_who_is_told_to_stop_leaves_nothing_half_written(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", STOPPED, "half", tmp_path / "lisa.gguf"], check=False)
    assert ended.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_keeps_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lisa.gguf"
    atomic.write(path, b"first")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SetupError, match=r"lisa\.gguf cannot be written: No space left on device"):
        atomic.write(path, b"second")
    assert path.read_bytes() == b"first" and list(tmp_path.iterdir()) == [path]


def test_failures_are_one_line(tmp_path: Path, base: Path) -> None:
    output = peft.exported(tmp_path, base, peft.tensors("self_attn.q_proj"))
    other = peft.write_base(tmp_path / "other")
    (other / "model.json").write_text((base / "model.json").read_text().replace(peft.TALKER_SHA256, "f" * 64))
    source = peft.write_adapter(tmp_path / "peft", peft.tensors("self_attn.q_proj"), use_dora=True)
    for arguments, code, why in [
        (("export", source, "-o", tmp_path / "x.gguf", "--base", base), 1, "use_dora"),
        (("inspect", base / "model.json"), 1, "no GGUF"),
        (("inspect", tmp_path / "nowhere"), 1, "cannot be read"),
        (("export", source), 2, "--help"),
        (("verify", output, "--base", other), 1, "did not pass: base"),
    ]:
        failed = run("timbre-loras", *arguments)
        assert failed.returncode == code
        assert failed.stderr.count("\n") == 1 and why in failed.stderr
