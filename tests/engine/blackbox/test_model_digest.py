"""`--model-digest`: the model that was named speaks, and no other is loaded."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest

from support.engine_process import EngineProcess
from support.engine_stream import engine_stream_of
from support.process import run
from timbre_common import names
from timbre_common.engine_stream import Done, Start
from timbre_engine.model import manifest

OTHER = f"sha256:{'0' * 64}"


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A model directory of one's own."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def damage(file: Path) -> None:
    """Another byte in its middle: the size stays."""
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        byte = opened.read(1)
        opened.seek(-1, os.SEEK_CUR)
        opened.write(bytes([byte[0] ^ 1]))


def refused(model: Path, digest: str) -> str:
    """What an engine says that ends for its model; in one line."""
    arguments = [f"--model={model}", f"--model-digest={digest}", "--port=0", "--admin-port=0"]
    done = run("timbre-engine", "serve", *arguments, cwd=model.parent, **{names.ENV_ADMIN_TOKEN: "token"})
    assert done.returncode == names.EXIT_OTHER_FILE, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("timbre-engine: ") and "Traceback" not in done.stderr
    return last


async def test_inspect_tells_the_digest_with_which_the_model_speaks(model: Path) -> None:
    told = run("timbre-engine", "inspect", model).stdout
    digest = manifest.digest_of(model)
    assert f"model digest     {digest}\n" in told
    async with EngineProcess(f"--model={model}", f"--model-digest={digest}") as engine:
        assert (await engine.json("/props"))["model"] == "checkpoint"


def test_another_model_says_what_it_is_and_what_is_wanted(model: Path) -> None:
    told = refused(model, OTHER)
    assert manifest.digest_of(model) in told and OTHER in told and "name this digest" in told


@pytest.mark.parametrize("name", [manifest.TALKER, manifest.EMBEDDINGS])
def test_a_changed_file_is_named_and_nothing_of_the_model_is_loaded(model: Path, name: str) -> None:
    damage(model / name)
    told = refused(model, manifest.digest_of(model))
    assert f"files.{name}: " in told and manifest.read(model).files[name].sha256 in told


def test_a_file_of_another_size_is_named(model: Path) -> None:
    with (model / manifest.CODEC).open("ab") as file:
        file.write(b"more")
    size = manifest.read(model).files[manifest.CODEC].size
    assert f"files.{manifest.CODEC}: " in (told := refused(model, manifest.digest_of(model)))
    assert f"{size + 4} bytes" in told and f"says {size}" in told


async def test_a_worker_that_is_replaced_looks_at_the_model_again(model: Path) -> None:
    """Volumes change under a running engine. It speaks again once the model is the one that was named."""
    talker, kept = model / manifest.TALKER, model.with_name("kept")
    shutil.copy(talker, kept)
    async with EngineProcess(f"--model={model}", f"--model-digest={manifest.digest_of(model)}") as engine:
        (worker,) = engine.children()
        shutil.copy(talker, model / "other")
        damage(model / "other")
        (model / "other").replace(talker)
        os.kill(worker, signal.SIGKILL)
        async with asyncio.timeout(60):
            while not any(f"files.{manifest.TALKER}: " in line for line in engine.log):
                await asyncio.sleep(0.05)
        kept.replace(talker)
        async with asyncio.timeout(60), engine_stream_of(engine.url) as stream:
            while not isinstance((await stream.say(Start(voice="vivian"), ["Oui."])).end, Done):
                pass


def test_a_digest_without_a_model_is_refused(tmp_path: Path) -> None:
    done = run("timbre-engine", "serve", f"--model-digest={OTHER}", cwd=tmp_path, **{names.ENV_ADMIN_TOKEN: "token"})
    assert done.returncode == 1 and "--model-digest: it is a model's" in done.stderr
