"""Real engine processes; one of full speed is shared by the tests of a module."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.engine_process import EngineProcess, house_voices
from timbre_common.documents import Voice, VoicesDocument
from timbre_common.voiceprofile import Adapter, Sampling


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[EngineProcess]:
    async with EngineProcess("--slots=4", "--queue=4", voices=house_voices()) as engine:
        yield engine


GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def adapters(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of adapters of its own for each module, with `lisa.gguf`."""
    return Path(shutil.copytree(tiny_model / "adapters", tmp_path_factory.mktemp("adapters") / "of this module"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def qwen3tts(tiny_model: Path, adapters: Path) -> AsyncIterator[EngineProcess]:
    """The tiny model, with voices that leave nothing to chance: vivian, and lisa, which is vivian with an adapter."""
    voices = [
        Voice(name="lisa", languages=["fr"], speaker="vivian", adapter=Adapter(path="lisa.gguf"), sampling=GREEDY),
        Voice(name="vivian", languages=["fr"], speaker="vivian", sampling=GREEDY),
    ]
    arguments = [f"--model={tiny_model}", f"--adapters={adapters}", "--exact", "--slots=2", "--queue=1"]
    document = VoicesDocument(generation=1, voices=voices)
    async with EngineProcess(*arguments, "--max-loaded-adapters=2", voices=document) as engine:
        yield engine
