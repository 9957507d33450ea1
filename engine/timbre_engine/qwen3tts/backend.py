"""The Qwen3-TTS backend: one worker process that holds the model, replaced where it dies."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from timbre_common.backoff import Backoff
from timbre_common.documents import Voice
from timbre_common.engine_stream import Codes
from timbre_common.errors import EngineUnavailable, InvalidInput, SetupError, TooLarge, Unsupported
from timbre_engine.backend import Info, SynthesisRequest
from timbre_engine.model import manifest as manifests
from timbre_engine.qwen3tts import languages, specs
from timbre_engine.qwen3tts.messages import Begin, Load, Unload
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.process import WorkerProcess
from timbre_engine.qwen3tts.utterance import WorkerUtterance

_log = logging.getLogger(__name__)

NAME: Final = "qwen3tts"
_NEEDED: Final = ("av", "gguf", "numpy", "onnxruntime", "xllamacpp")
_MOST_CONTINUED: Final = 22_500
"""Frames that a stream may be continued after: half an hour."""
_WAIT_S: Final = 10.0
"""Seconds that an utterance or a voice waits for a worker that is being replaced."""


class Qwen3TTSBackend:
    """See backend.Backend. A worker that dies fails what it speaks; the new one checks the voices again."""

    def __init__(self, options: Options) -> None:
        """Raises SetupError or InvalidInput where there is no right model directory."""
        self._options = options
        self._manifest = manifests.read(options.model)
        self._worker: WorkerProcess | None = None
        self._there = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._voices: dict[str, list[Voice]] = {}
        """Loaded voices by digest, as often as each was loaded."""
        self._resident: list[str] = []

    @property
    def info(self) -> Info:
        """See Backend."""
        return Info(
            name=NAME,
            model=self._manifest.name,
            slots=self._options.slots,
            languages=languages.tags(self._manifest.languages),
            codebooks=self._manifest.codec.codebooks,
        )

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers."""
        return [] if self._worker is None else [self._worker.pid]

    async def start(self) -> None:
        """See Backend."""
        missing = [module for module in _NEEDED if find_spec(module) is None]
        if missing:
            raise SetupError(f"{', '.join(missing)} missing: install the extra `qwen3tts` (timbre-voices[qwen3tts])")
        first = await WorkerProcess.start(self._options, self._now_resident)
        self._keeper = asyncio.create_task(self._keep(first))
        await self._there.wait()

    async def close(self) -> None:
        """See Backend."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def load(self, voice: Voice) -> str:
        """See Backend."""
        specs.check_voice(voice, self._manifest)
        note = await (await self._ready()).load(lambda request: Load(request, voice))
        self._voices.setdefault(voice.digest, []).append(voice)
        return note

    async def unload(self, voice: Voice) -> None:
        """See Backend."""
        same = self._voices.get(voice.digest, [])
        if len(same) > 1:
            same.pop()
            return
        self._voices.pop(voice.digest, None)
        if self._worker is not None:
            self._worker.send_now(Unload(voice))

    def check(self, request: SynthesisRequest) -> None:
        """See Backend."""
        if request.language is not None:
            languages.resolve(request.language, self._manifest.languages)
        if request.instructions and not self._manifest.follows_instructions:
            raise Unsupported("this model follows no instructions: style comes from the voice", "instructions")
        if request.continue_codes is not None:
            self._check_codes(request.continue_codes)

    async def open(self, request: SynthesisRequest) -> WorkerUtterance:
        """See Backend."""
        self.check(request)
        worker = await self._ready()
        number, arrivals = worker.begin()
        begin = Begin(
            number=number,
            voice=request.voice,
            language=request.language,
            emotion=request.emotion or "neutral",
            speed=request.speed,
            seed=secrets.randbits(63) if request.seed is None else request.seed % 2**63,
            instructions=request.instructions,
            continue_codes=request.continue_codes,
            return_codes=request.return_codes,
        )
        return WorkerUtterance(worker, number, arrivals, begin)

    def adapters_loaded(self) -> Sequence[str]:
        """See Backend."""
        return self._resident

    def _check_codes(self, codes: Codes) -> None:
        width, most = self._manifest.codec.codebooks, self._manifest.codec_ids.codes
        for frame, row in enumerate(codes):
            if row and (len(row) != width or not all(0 <= code < most for code in row)):
                raise InvalidInput(f"{width} codes from 0 to {most - 1} are right", f"continue.codes[{frame}]")
        if len(codes) > _MOST_CONTINUED:
            raise TooLarge(f"at most {_MOST_CONTINUED} frames are right", "continue.codes")

    def _now_resident(self, voices: list[str]) -> None:
        self._resident = voices

    async def _ready(self) -> WorkerProcess:
        try:
            async with asyncio.timeout(_WAIT_S):
                await self._there.wait()
        except TimeoutError as error:
            raise EngineUnavailable("the speech model's worker is being replaced", retry_after=1.0) from error
        assert self._worker is not None
        return self._worker

    async def _keep(self, worker: WorkerProcess | None) -> None:
        """Keeps one worker running until cancelled."""
        backoff = Backoff()
        while True:
            try:
                worker = worker or await WorkerProcess.start(self._options, self._now_resident)
                await self._attend(worker)
                backoff.reset()
            except SetupError as error:
                _log.error("%s", error)
            worker = None
            await asyncio.sleep(backoff.next())

    async def _attend(self, worker: WorkerProcess) -> None:
        try:
            for voice, *_ in list(self._voices.values()):
                try:
                    await worker.load(lambda request, voice=voice: Load(request, voice))  # type: ignore[misc]
                except InvalidInput as error:
                    _log.warning("voice %s cannot be loaded again: %s", voice.name, error)
            self._worker = worker
            self._there.set()
            status = await worker.exited()
            _log.warning("the speech model's worker ended with status %d and is replaced", status)
        except EngineUnavailable as error:
            _log.warning("%s, and is replaced", error)
        finally:
            self._worker = None
            self._there.clear()
            self._resident = []
            await asyncio.shield(worker.stop())
