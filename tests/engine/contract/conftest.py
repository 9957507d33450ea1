"""Every backend is held to the same contract. A backend joins by a line in BACKENDS."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from timbre_common.documents import Voice
from timbre_common.voiceprofile import Prosody
from timbre_engine.backend import Backend
from timbre_engine.espeak.backend import EspeakBackend
from timbre_engine.pace import parse
from timbre_engine.paced import PacedBackend
from timbre_engine.qwen3tts.backend import Qwen3TTSBackend
from timbre_engine.qwen3tts.options import Options

BACKENDS: dict[str, Callable[[Path], Backend]] = {
    "espeak": lambda _: EspeakBackend(slots=2),
    "espeak, paced": lambda _: PacedBackend(EspeakBackend(slots=2), parse("rtf=0.05,first=20ms,stall=30ms@1s")),
    "qwen3tts": lambda tiny: Qwen3TTSBackend(Options(model=tiny, adapters=tiny / "adapters", slots=2, exact=True)),
}


@pytest.fixture(params=BACKENDS)
async def backend(request: pytest.FixtureRequest, tiny_model: Path) -> AsyncIterator[Backend]:
    backend = BACKENDS[request.param](tiny_model)
    await backend.start()
    yield backend
    await backend.close()


@pytest.fixture
def voice() -> Voice:
    return Voice(name="lisa", languages=["fr", "en"], prosody=Prosody(pitch=1.0))
