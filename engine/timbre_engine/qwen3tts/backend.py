"""The Qwen3-TTS backend: one worker process that holds the model, replaced where it dies."""

import asyncio
import logging
import secrets
from collections.abc import Collection
from importlib.util import find_spec
from typing import Final

import msgspec

from timbre_common.backoff import Backoff
from timbre_common.documents import Voice
from timbre_common.engine_stream import Codes
from timbre_common.errors import DigestMismatch, EngineUnavailable, InvalidInput, SetupError, TooLarge, Unsupported
from timbre_common.voiceprofile import Adapter
from timbre_engine.backend import AdapterState, Info, SynthesisRequest
from timbre_engine.llama import source
from timbre_engine.model import manifest as manifests
from timbre_engine.qwen3tts import languages, own_voices, voice_check
from timbre_engine.qwen3tts.messages import Begin, Loaded, LoadedAdapter, Unload
from timbre_engine.qwen3tts.options import Options
from timbre_engine.qwen3tts.process import WorkerProcess
from timbre_engine.qwen3tts.utterance import WorkerUtterance

_log = logging.getLogger(__name__)

NAME: Final = "qwen3tts"
_NEEDED: Final = ("av", "gguf", "numpy", "onnxruntime", "safetensors")
_MOST_CONTINUED: Final = 22_500
"""Frames that a stream may be continued after: half an hour."""
_WAIT_S: Final = 10.0
"""Seconds that an utterance waits for a worker that is being replaced."""
_WORKERS: Final = 3
"""Workers that a voice is given to, where each ends while it loads; then it may be what ends them."""


class Qwen3TTSBackend:
    """See backend.Backend. A worker that dies fails what it speaks; the new one checks the voices again."""

    def __init__(self, options: Options) -> None:
        """Raises SetupError or InvalidInput where there is no right model directory."""
        self._options = options
        self._manifest = manifests.read(options.model, options.model_digest)
        self._worker: WorkerProcess | None = None
        self._there = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._own = own_voices.voices(options.loras, self._manifest)
        self._voices: list[Voice] = []
        """Loaded voices, each as often as it was loaded."""
        self._adapters: dict[Adapter, LoadedAdapter] = {}
        """Of the loaded voices, as the worker found them."""
        self._resident: frozenset[str] = frozenset()

    @property
    def info(self) -> Info:
        """See Backend."""
        return Info(
            name=NAME,
            model=self._manifest.name,
            slots=self._options.slots,
            languages=languages.tags(self._manifest.languages),
            codebooks=self._manifest.codec.codebooks,
            voices=self._own,
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
        source.choose(self._options.llama_library)
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
        voice_check.check_voice(voice, self._manifest)
        loaded = await self._load(voice)
        self._voices.append(voice)
        self._note(voice, loaded)
        return loaded.note

    async def unload(self, voice: Voice) -> None:
        """See Backend."""
        self._voices.remove(voice)
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
        most = self._options.max_loaded_adapters
        adapters = [self._adapters.get(part.voice.adapter) for part in request.blend if part.voice.adapter is not None]
        if len({found.sha256 for found in adapters if found is not None}) > most:
            raise TooLarge(f"a blend of at most {most} adapters is right, as many as may be loaded", "voice")

    async def open(self, request: SynthesisRequest) -> WorkerUtterance:
        """See Backend."""
        self.check(request)
        worker = await self._ready()
        number, arrivals = worker.begin()
        begin = Begin(
            number=number,
            voice=request.voice,
            blend=request.blend,
            language=request.language,
            emotion=request.emotion or "neutral",
            speed=request.speed,
            seed=secrets.randbits(63) if request.seed is None else request.seed % 2**63,
            instructions=request.instructions,
            continue_codes=request.continue_codes,
            return_codes=request.return_codes,
        )
        return WorkerUtterance(worker, number, arrivals, begin)

    def adapter(self, voice: Voice) -> AdapterState | None:
        """See Backend."""
        found = None if voice.adapter is None else self._adapters.get(voice.adapter)
        if voice.adapter is None or found is None:
            return None
        path = voice.adapter.file
        lora = next((lora for lora in self._options.loras if lora.adapter.file == path), None)
        return AdapterState(
            path=path if lora is None else str(lora.path),
            sha256=found.sha256,
            rank=found.rank,
            resident=found.sha256 in self._resident,
        )

    def adapters_loaded(self) -> Collection[str]:
        """See Backend."""
        return self._resident

    def _check_codes(self, codes: Codes) -> None:
        width, most = self._manifest.codec.codebooks, self._manifest.codec_ids.codes
        for frame, row in enumerate(codes):
            if row and (len(row) != width or not all(0 <= code < most for code in row)):
                raise InvalidInput(f"{width} codes from 0 to {most - 1} are right", f"continue.codes[{frame}]")
        if len(codes) > _MOST_CONTINUED:
            raise TooLarge(f"at most {_MOST_CONTINUED} frames are right", "continue.codes")

    def _note(self, voice: Voice, loaded: Loaded) -> None:
        """Keep what the worker found, and nothing of voices that are gone."""
        if voice.adapter is not None and loaded.adapter is not None:
            named = {each.adapter for each in self._voices}
            self._adapters = {key: value for key, value in self._adapters.items() if key in named}
            self._adapters[voice.adapter] = loaded.adapter

    def _now_resident(self, adapters: list[str]) -> None:
        self._resident = frozenset(adapters)

    async def _load(self, voice: Voice) -> Loaded:
        """Have a voice checked, by another worker where one ends meanwhile. Raises InvalidInput, EngineUnavailable."""
        tries = 0
        while True:
            await self._there.wait()
            worker = self._worker
            assert worker is not None
            try:
                return await worker.load(voice)
            except asyncio.CancelledError:
                worker.send_now(Unload(voice))
                raise
            except EngineUnavailable:
                tries += 1
                if tries == _WORKERS:
                    raise
                if self._worker is worker:  # its end is known here before its keeper knows
                    self._there.clear()

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
        replacement = msgspec.structs.replace(self._options, take_in=False)
        while True:
            try:
                worker = worker or await WorkerProcess.start(replacement, self._now_resident)
                await self._attend(worker)
                backoff.reset()
            except (SetupError, DigestMismatch) as error:
                _log.error("%s", error)
            worker = None
            await asyncio.sleep(backoff.next())

    async def _attend(self, worker: WorkerProcess) -> None:
        try:
            for voice in list(self._voices):
                try:
                    self._note(voice, await worker.load(voice))
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
            self._resident = frozenset()
            await asyncio.shield(worker.stop())
