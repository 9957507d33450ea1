"""Every backend is held to the same contract. A backend joins by a line in BACKENDS."""

from collections.abc import AsyncIterator, Callable

import pytest

from timbre_common.documents import Voice
from timbre_common.voiceprofile import Prosody
from timbre_engine.backend import Backend
from timbre_engine.espeak.backend import EspeakBackend
from timbre_engine.pace import parse
from timbre_engine.paced import PacedBackend

BACKENDS: dict[str, Callable[[], Backend]] = {
    "espeak": lambda: EspeakBackend(slots=2),
    "espeak, paced": lambda: PacedBackend(EspeakBackend(slots=2), parse("rtf=0.05,first=20ms,stall=30ms@1s")),
}


@pytest.fixture(params=BACKENDS)
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    backend = BACKENDS[request.param]()
    await backend.start()
    yield backend
    await backend.close()


@pytest.fixture
def voice() -> Voice:
    return Voice(name="lisa", languages=["fr", "en"], prosody=Prosody(pitch=1.0))
