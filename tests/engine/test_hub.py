"""`timbre-engine pull` in a process of its own (huggingface_hub reads the environment at import) on a local Hub."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.hub import Hub, Repo
from support.process import free_port
from timbre_common.errors import InvalidInput
from timbre_engine.convert import hub as hubs

NAME = "Qwen/Qwen3-TTS-tiny"
CHUNK = 10 << 20
"""What huggingface_hub takes from a connection at once: less of a broken transfer is lost."""
WEIGHTS = random.Random(1).randbytes(CHUNK * 2 + 12345)
WANTED = {
    "config.json": b'{"a": 1}',
    "generation_config.json": b"{}",
    "vocab.json": b"{}",
    "merges.txt": b"#version: 0.2\n",
    "model.safetensors": WEIGHTS,
    "speech_tokenizer/config.json": b'{"b": 2}',
    "speech_tokenizer/model.safetensors": b"codec",
}
UNWANTED = {
    "README.md": b"# read me",
    "pytorch_model.bin": b"pickle",
    "assets/voice.wav": b"RIFF",
    ".gitattributes": b"",
}
SECRET = "hf_aVeryLongSecretThatNobodyMaySee"

_COMMAND = """
import sys
from pathlib import Path
from timbre_common.errors import TimbreError
from timbre_engine.commands.pull import pull
try:
    pull(sys.argv[1], Path(sys.argv[2]))
except TimbreError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        running.repos[NAME] = Repo({**WANTED, **UNWANTED})
        yield running


def environment(hub: Hub, home: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_") and "proxy" not in key.lower()}
    return {**kept, "HF_HOME": str(home / "hf-home"), "HF_ENDPOINT": hub.url, **more}


def pull(
    hub: Hub, directory: Path, name: str = NAME, *, first: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run the command; `first` is code that runs before it."""
    env = environment(hub, directory.parent, **more)
    command = [sys.executable, "-c", first + _COMMAND, name, str(directory)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert SECRET not in done.stdout + done.stderr
    assert "s3cret" not in done.stdout + done.stderr
    return done


def refused(hub: Hub, directory: Path, name: str = NAME, *, first: str = "", **more: str) -> str:
    done = pull(hub, directory, name, first=first, **more)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def held(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and ".timbre-pull" not in path.parts
    }


def test_a_whole_pull_and_an_unchanged_one(hub: Hub, tmp_path: Path) -> None:
    directory = tmp_path / "below" / "model"
    done = pull(hub, directory)
    assert (done.returncode, done.stderr) == (0, "")
    assert "7 files; 0.02 GB were lacking" in done.stdout
    assert held(directory) == WANTED
    assert not list(directory.rglob("*.partial"))
    assert {asked.authorization for asked in hub.asked} == {None}
    hub.asked.clear()
    assert "it was already whole" in pull(hub, directory).stdout
    assert not hub.transfers()


def test_what_changed_or_was_harmed_alone_is_transferred(hub: Hub, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    hub.repos[NAME].files["model-2.safetensors"] = b"a shard"
    pull(hub, directory)
    hub.asked.clear()
    del hub.repos[NAME].files["model-2.safetensors"]
    hub.repos[NAME].files["config.json"] = b'{"a": 2}'
    hub.repos[NAME].commit = "d" * 40
    (directory / "speech_tokenizer" / "model.safetensors").write_bytes(b"CODEC")
    assert pull(hub, directory).returncode == 0
    assert held(directory) == {**WANTED, "config.json": b'{"a": 2}'}
    assert len([asked for asked in hub.transfers() if "/resolve/" in asked.path]) == 2


def test_a_revision(hub: Hub, tmp_path: Path) -> None:
    hub.repos[NAME].revisions = {"v1.0", "refs/pr/3"}
    for number, revision in enumerate(("v1.0", "refs/pr/3", hub.repos[NAME].commit)):
        assert pull(hub, tmp_path / str(number), f"{NAME}@{revision}").returncode == 0
    assert "has no revision main" in refused(hub, tmp_path / "model")


def test_the_token_goes_to_the_hub_alone(hub: Hub, tmp_path: Path) -> None:
    hub.repos[NAME].token = SECRET
    assert pull(hub, tmp_path / "model", HF_TOKEN=f" {SECRET}\n").returncode == 0
    for asked in hub.asked:
        at_cdn = asked.host.startswith("localhost")
        assert asked.authorization == (None if at_cdn else f"Bearer {SECRET}")
    assert any(asked.host.startswith("localhost") for asked in hub.asked)


def test_a_saved_token_is_not_sent(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hf-home").mkdir()
    (tmp_path / "hf-home" / "token").write_text(SECRET)
    pull(hub, tmp_path / "model")
    assert {asked.authorization for asked in hub.asked} == {None}


def test_a_cut_connection_is_taken_up_again(hub: Hub, tmp_path: Path) -> None:
    hub.break_after = [CHUNK + 1000]
    assert pull(hub, tmp_path / "model").returncode == 0
    assert held(tmp_path / "model") == WANTED
    assert f"bytes={CHUNK}-" in {asked.range for asked in hub.transfers()}


def test_a_killed_pull_goes_on_where_it_stopped(hub: Hub, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    hub.hold_after = CHUNK + 1000
    command = [sys.executable, "-c", _COMMAND, NAME, str(directory)]
    with subprocess.Popen(command, env=environment(hub, tmp_path)) as process:
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size >= CHUNK for path in directory.glob(".timbre-pull/*.partial")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    hub.hold_after = None
    hub.asked.clear()
    assert "model.safetensors of" in refused(hub, directory, HF_HUB_OFFLINE="1")
    assert pull(hub, directory).returncode == 0
    assert held(directory) == WANTED
    assert f"bytes={CHUNK}-" in {asked.range for asked in hub.transfers()}


def test_damage_on_the_way_is_noticed_and_mended(hub: Hub, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    hub.damage = True
    assert "Transient: model.safetensors" in (told := refused(hub, directory)) and "came damaged" in told
    assert "model.safetensors" not in held(directory)
    hub.damage = False
    assert pull(hub, directory).returncode == 0
    assert held(directory) == WANTED


def test_offline(hub: Hub, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    assert "was not pulled into" in refused(hub, directory, HF_HUB_OFFLINE="1")
    pull(hub, directory)
    hub.asked.clear()
    assert pull(hub, directory, HF_HUB_OFFLINE="1").returncode == 0
    assert pull(hub, directory, f"{NAME}@{hub.repos[NAME].commit}", HF_HUB_OFFLINE="1").returncode == 0
    assert "was not pulled into" in refused(hub, directory, f"{NAME}@v2", HF_HUB_OFFLINE="1")
    (directory / "merges.txt").write_bytes(b"other")
    assert "merges.txt of" in refused(hub, directory, HF_HUB_OFFLINE="1")
    assert not hub.asked


def test_another_model_does_not_mix_in(hub: Hub, tmp_path: Path) -> None:
    hub.repos["other/model"] = Repo(dict(WANTED))
    pull(hub, tmp_path / "model")
    assert "into another directory" in refused(hub, tmp_path / "model", "other/model")


def test_no_such_repository(hub: Hub, tmp_path: Path) -> None:
    told = refused(hub, tmp_path / "model", "nobody/nothing")
    assert "there is no nobody/nothing, or it is private (sent: no token: HF_TOKEN is not set)" in told
    assert "sent: the token in HF_TOKEN" in refused(hub, tmp_path / "model", "nobody/nothing", HF_TOKEN=SECRET)


def test_a_gated_repository(hub: Hub, tmp_path: Path) -> None:
    hub.repos[NAME].token, hub.repos[NAME].gated = "hf_other", True
    told = refused(hub, tmp_path / "model")
    assert "Unauthorized" in told and f"accept its terms at {hub.url}/{NAME}" in told
    assert "is gated" in refused(hub, tmp_path / "model", HF_TOKEN=SECRET)


def test_a_token_that_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub.repos[NAME].token = "hf_other"
    assert "the Hub refuses" in refused(hub, tmp_path / "model", HF_TOKEN=SECRET)
    assert "holds characters" in refused(hub, tmp_path / "model", HF_TOKEN=f"{SECRET}\n{SECRET}")
    assert "holds characters" in refused(hub, tmp_path / "model", HF_TOKEN=f"{SECRET}é")


def test_a_hub_in_trouble_or_away_or_none(hub: Hub, tmp_path: Path) -> None:
    hub.status = 503
    assert "Transient: " in (told := refused(hub, tmp_path / "model")) and "answers 503: try again later" in told
    hub.status = 200
    assert "does not answer as a Hub does" in refused(hub, tmp_path / "model")
    told = refused(hub, tmp_path / "model", HF_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    assert "Transient: " in told and "cannot be reached" in told


def test_a_repository_without_a_checkpoint(hub: Hub, tmp_path: Path) -> None:
    hub.repos[NAME].files = dict(UNWANTED)
    assert "holds no config.json with weights" in refused(hub, tmp_path / "model")


FULL = "import shutil\nshutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10**6)\n"
FULL_LATER = """
import huggingface_hub.file_download
def http_get(url, opened, **options):
    raise OSError(28, "No space left on device")
huggingface_hub.file_download.http_get = http_get
"""


def test_a_full_disk(hub: Hub, tmp_path: Path) -> None:
    assert "lacks 0.02 GB, and the disk of" in refused(hub, tmp_path / "model", first=FULL)
    assert not hub.transfers()
    told = refused(hub, tmp_path / "model", first=FULL_LATER)
    assert "SetupError" in told and "is full; what was transferred is kept" in told


def test_a_directory_that_cannot_be_written(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "SetupError" in refused(hub, tmp_path / "file" / "model")


@pytest.mark.parametrize(
    ("text", "name", "revision"),
    [("Qwen/Q3", "Qwen/Q3", "main"), ("a/b.c-d_e@v1.0", "a/b.c-d_e", "v1.0"), ("a/b@refs/pr/3", "a/b", "refs/pr/3")],
)
def test_names(text: str, name: str, revision: str) -> None:
    assert hubs.parse(text) == hubs.Repository(name, revision)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a/b/c", "/b", "a/", "a/b@", "a b/c", "../a", "a/..", "a/b@../x", "a/b@/x", "https://h/a/b", "a/b@x y"],
)
def test_malformed_names(text: str) -> None:
    with pytest.raises(InvalidInput, match="organisation/name"):
        hubs.parse(text)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("model.safetensors", True),
        ("model-00001-of-00002.safetensors", True),
        ("model.safetensors.index.json", True),
        ("speech_tokenizer/preprocessor_config.json", True),
        ("tokenizer_config.json", True),
        ("../model.safetensors", False),
        ("speech_tokenizer/../model.safetensors", False),
        ("/config.json", False),
        ("speech_tokenizer/deep/model.safetensors", False),
        ("config.json\n", False),
        ("model.bin", False),
        ("README.md", False),
    ],
)
def test_what_conversion_reads(name: str, wanted: bool) -> None:
    assert hubs.is_wanted(name) is wanted
