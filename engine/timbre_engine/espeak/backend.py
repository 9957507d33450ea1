"""The demonstration backend: a pool of worker processes, one a slot."""

import asyncio
import logging
from collections.abc import Collection
from importlib.util import find_spec
from typing import Final

from timbre_common.backoff import Backoff
from timbre_common.documents import Voice
from timbre_common.errors import EngineUnavailable, InvalidInput, SetupError, UnknownLanguage
from timbre_engine.backend import Info, SynthesisRequest, refuse_codes
from timbre_engine.espeak import languages, prosody
from timbre_engine.espeak.messages import Begin, Hello
from timbre_engine.espeak.process import WorkerProcess
from timbre_engine.espeak.utterance import EspeakUtterance

_log = logging.getLogger(__name__)

NAME: Final = "espeak"
MODEL: Final = "espeak-ng"
_NEEDED: Final = ("espeakng_loader", "numpy", "soxr")
_WAIT_S: Final = 5.0
"""Seconds that an utterance waits for a worker that is being replaced."""


class EspeakBackend:
    """See backend.Backend. A worker that dies is replaced; its utterance fails, the others go on."""

    def __init__(self, slots: int = 4) -> None:
        self._slots = slots
        self._hello = Hello("", {}, [])
        self._started = asyncio.Event()
        self._ready: asyncio.Queue[WorkerProcess] = asyncio.Queue()
        """Workers without an utterance; never more than `slots`, as the dead are taken out."""
        self._keepers: list[asyncio.Task[None]] = []
        self._workers: set[WorkerProcess] = set()

    @property
    def info(self) -> Info:
        """See Backend."""
        return Info(name=NAME, model=MODEL, slots=self._slots, languages=tuple(self._hello.languages))

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers."""
        return sorted(worker.pid for worker in self._workers)

    async def start(self) -> None:
        """See Backend."""
        missing = [module for module in _NEEDED if find_spec(module) is None]
        if missing:
            raise SetupError(f"{', '.join(missing)} missing: install the extra `espeak` (timbre-voices[espeak])")
        first = await WorkerProcess.start()
        self._hello = first.hello
        self._started.set()
        self._keepers.append(asyncio.create_task(self._keep(first)))
        self._keepers += [asyncio.create_task(self._keep()) for _ in range(self._slots - 1)]

    async def close(self) -> None:
        """See Backend."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def load(self, voice: Voice) -> str:
        """See Backend. The variant and at least one language must be espeak-ng's."""
        await self._started.wait()
        variant = voice.prosody.variant
        if variant is not None and variant not in self._hello.variants:
            raise InvalidInput(f"{variant!r} is not a variant of espeak-ng", "prosody.variant")
        foreign = [tag for tag in voice.languages if not self._speaks(tag)]
        if len(foreign) == len(voice.languages):
            raise UnknownLanguage(f"espeak-ng speaks none of {', '.join(foreign) or 'no languages'}", "languages")
        notes = []
        if voice.adapter is not None:
            notes.append("the adapter is not applied: this backend has no model that takes one")
        if voice.reference is not None:
            notes.append("the reference is not applied: this backend has no model that takes one")
        if voice.blend is not None:
            notes.append("the blend is not applied: this backend mixes no voices")
        if foreign:
            notes.append(f"not spoken by this backend: {', '.join(foreign)}")
        return "; ".join(notes)

    async def unload(self, voice: Voice) -> None:
        """See Backend. Nothing is held for a voice."""

    def check(self, request: SynthesisRequest) -> None:
        """See Backend."""
        refuse_codes(request)
        self._language(request)

    async def open(self, request: SynthesisRequest) -> EspeakUtterance:
        """See Backend."""
        self.check(request)
        voice = request.voice
        numbers = prosody.numbers(voice.prosody.styled(request.emotion or "neutral"), request.speed)
        worker = await self._take()
        worker.utterances += 1
        begin = Begin(
            number=worker.utterances,
            voice=f"{self._language(request)}+{prosody.variant(voice.name, voice.prosody)}",
            rate=numbers.rate,
            pitch=numbers.pitch,
            gain=numbers.gain,
            seed=1 if request.seed is None else request.seed % 2**32,
        )
        return EspeakUtterance(worker, begin, self._give_back)

    def adapter(self, voice: Voice) -> None:
        """See Backend."""

    def adapters_loaded(self) -> Collection[str]:
        """See Backend."""
        return ()

    def _speaks(self, tag: str) -> bool:
        try:
            languages.resolve(tag, self._hello.languages)
        except InvalidInput:
            return False
        return True

    def _language(self, request: SynthesisRequest) -> str:
        known = self._hello.languages
        if request.language is not None:
            return languages.resolve(request.language, known)
        spoken = [tag for tag in request.voice.languages if self._speaks(tag)]
        return languages.resolve(spoken[0] if spoken else "en", known)

    async def _take(self) -> WorkerProcess:
        try:
            async with asyncio.timeout(_WAIT_S):
                while not (worker := await self._ready.get()).alive:
                    pass
        except TimeoutError as error:
            raise EngineUnavailable("no espeak worker is ready", retry_after=1.0) from error
        return worker

    def _give_back(self, worker: WorkerProcess) -> None:
        if worker.alive:
            self._ready.put_nowait(worker)

    def _forget(self, dead: WorkerProcess) -> None:
        for _ in range(self._ready.qsize()):
            worker = self._ready.get_nowait()
            if worker is not dead:
                self._ready.put_nowait(worker)

    async def _keep(self, worker: WorkerProcess | None = None) -> None:
        """Keeps one worker running until cancelled."""
        backoff = Backoff()
        while True:
            try:
                worker = worker or await WorkerProcess.start()
                await self._attend(worker)
                backoff.reset()
            except SetupError as error:
                _log.error("%s", error)
            worker = None
            await asyncio.sleep(backoff.next())

    async def _attend(self, worker: WorkerProcess) -> None:
        self._workers.add(worker)
        self._ready.put_nowait(worker)
        try:
            status = await worker.exited()
            _log.warning("an espeak worker ended with status %d and is replaced", status)
        finally:
            self._workers.discard(worker)
            self._forget(worker)
            await asyncio.shield(worker.stop())
