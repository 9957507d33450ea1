"""Every backend is held to the same contract. A backend joins by a line in BACKENDS."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from support import golden
from timbre_common.documents import Voice
from timbre_common.voiceprofile import Prosody
from timbre_engine.backend import Backend
from timbre_engine.espeak.backend import EspeakBackend
from timbre_engine.llama.source import Choice
from timbre_engine.pace import parse
from timbre_engine.paced import PacedBackend
from timbre_engine.qwen3tts.backend import Qwen3TTSBackend
from timbre_engine.qwen3tts.options import Options

NATIVE = "qwen3tts, native"


def _qwen3tts(tiny: Path, library: Choice) -> Backend:
    return Qwen3TTSBackend(Options(model=tiny, adapters=tiny / "adapters", slots=2, llama_library=library, exact=True))


BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "espeak": lambda _: EspeakBackend(slots=2),
    "espeak, paced": lambda _: PacedBackend(EspeakBackend(slots=2), parse("rtf=0.05,first=20ms,stall=30ms@1s")),
    "qwen3tts": lambda tiny: _qwen3tts(tiny, "prebuilt"),
    NATIVE: lambda tiny: _qwen3tts(tiny, "native"),
}


@pytest.fixture(params=BACKENDS)
async def unstarted(request: pytest.FixtureRequest, tiny_model: Path) -> AsyncIterator[Backend]:
    if request.param == NATIVE:
        golden.skip_unless_there("native")
    backend = BACKENDS[request.param](tiny_model)
    yield backend
    await backend.close()


@pytest.fixture
async def backend(unstarted: Backend) -> Backend:
    await unstarted.start()
    return unstarted


@pytest.fixture
def voice() -> Voice:
    return Voice(name="lisa", languages=["fr", "en"], prosody=Prosody(pitch=1.0))
