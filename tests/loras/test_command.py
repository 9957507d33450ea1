import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from support import peft
from timbre_common.errors import SetupError
from timbre_loras import atomic


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from timbre_loras.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_export_then_inspect(tmp_path: Path, base: Path) -> None:
    source = peft.write_adapter(tmp_path / "peft", peft.tensors("self_attn.q_proj"))
    output, voice = tmp_path / "lisa.gguf", tmp_path / "voice.safetensors"
    save_file({"x_vector": np.ones(12, np.float32)}, voice)
    options = ("-o", output, "--base", base, "--dtype", "f32", "--name", "Li\x1b[31msa", "--x-vector", voice)
    exported = run("export", source, *options)
    assert (exported.returncode, exported.stderr) == (0, "")
    assert "3 weights adapted" in exported.stdout
    told = run("inspect", output).stdout
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
    facts = json.loads(run("inspect", output, "--json").stdout)
    assert (facts["weights"], facts["ranks"], facts["alpha"]) == (3, [4], 8.0)
    assert facts["base"] == f"sha256:{peft.TALKER_SHA256}" and facts["digest"] in told
    assert facts["tensors"][1] == {"name": "blk.0.attn_q.weight.lora_b", "shape": [8, 4], "type": "F32", "bytes": 128}
    assert "\x1b" not in told and r"Li\x1b[31msa" in told


def test_every_command_has_a_summary_and_keeps_its_own_help() -> None:
    told = run("--help").stdout
    summaries = re.findall(r"^│ (\w+) +([A-Z].*?) *│$", told, re.MULTILINE)
    assert {"export", "prepare", "train", "reference", "verify", "merge", "publish", "voices"} <= dict(summaries).keys()
    assert "delete it to make it again" in run("voices", "--help").stdout


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    atomic.make_folder(tmp_path / "made" / "below")
    assert list((tmp_path / "made").iterdir()) == [tmp_path / "made" / "below"]
    with pytest.raises(SetupError, match="file/below cannot be written: Not a directory"):
        atomic.make_folder(tmp_path / "file" / "below")


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
        failed = run(*arguments)
        assert failed.returncode == code
        assert failed.stderr.count("\n") == 1 and why in failed.stderr
