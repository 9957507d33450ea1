"""The engine over a backend that takes its time to load a voice."""

import asyncio

from timbre_common.documents import Voice
from timbre_common.errors import Unsupported
from timbre_engine.engine import Engine
from timbre_engine.espeak.backend import EspeakBackend


class SlowLoading(EspeakBackend):
    """Holds every voice back until it may go on; one is then refused."""

    def __init__(self) -> None:
        super().__init__(slots=1)
        self.loading = asyncio.Event()
        self.go_on = asyncio.Event()

    async def load(self, voice: Voice) -> str:
        self.loading.set()
        await self.go_on.wait()
        if voice.name == "refused":
            raise Unsupported("it is of another base", "adapter")
        return await super().load(voice)


async def test_it_is_ready_once_its_first_voices_were_tried() -> None:
    backend = SlowLoading()
    engine = Engine(backend, queue=0)
    voices = [Voice(name=name, languages=["fr"]) for name in ("lisa", "refused")]
    starting = asyncio.create_task(engine.start(lambda: engine.voices.begin(voices)))
    try:
        async with asyncio.timeout(20):
            await backend.loading.wait()
            assert not engine.ready
            backend.go_on.set()
            await starting
        assert engine.ready
        assert [voice.name for voice in engine.voices.speakable()] == ["lisa"]
    finally:
        await engine.close()
