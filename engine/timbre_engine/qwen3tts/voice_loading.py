"""Voices that come to the worker and leave it: files are looked at in a thread beside, all else between ticks."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from timbre_common import voice_codes
from timbre_common.errors import InvalidInput, TimbreError
from timbre_engine.qwen3tts import voice_check
from timbre_engine.qwen3tts.codec_jobs import Priming
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.messages import FromWorker, Load, Loaded, LoadedAdapter, Refused, Unload
from timbre_engine.qwen3tts.voice_files import Files
from timbre_engine.qwen3tts.warming import Warming

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """A voice whose files were looked at, in the thread beside."""

    load: Load
    files: Files | TimbreError


class VoiceLoading:
    """Loads voices and lets them go. come_back: what is to be done next, given to the worker's thread from another."""

    def __init__(
        self,
        machine: Machine,
        warming: Warming,
        prime: Callable[[Priming], None],
        send: Callable[[FromWorker], None],
        come_back: Callable[[Checked | Unload], None],
    ) -> None:
        self._machine = machine
        self._warming = warming
        self._prime = prime
        self._send = send
        self._come_back = come_back
        self._checking = ThreadPoolExecutor(1, "adapter check")

    def begin(self, message: Load | Unload) -> None:
        """Look at its files first; what is let go comes behind the check of the same voice, where that was given up."""
        if isinstance(message, Load):
            self._checking.submit(self._check, message)
        else:
            self._checking.submit(self._come_back, message)

    def load(self, checked: Checked) -> None:
        """Take a voice in, or say why not."""
        load, files = checked.load, checked.files
        voice = load.voice
        try:
            if isinstance(files, TimbreError):
                raise files
            notes = voice_check.check_voice(voice, self._machine.manifest)
        except TimbreError as error:
            field = error.field if isinstance(error, InvalidInput) else ""
            self._send(Refused(load.request, str(error), field, voice_codes.of(error)))
        else:
            self._machine.files.know(voice, files)
            if files.clip is not None:
                self._machine.references.warm(files.clip, self._prime)
            file = files.adapter
            found = None if file is None else LoadedAdapter(file.digest.removeprefix("sha256:"), file.largest_rank)
            self._send(Loaded(load.request, "; ".join(notes), found))
            if self._machine.options.take_in:
                self._warming.add(voice)

    def unload(self, message: Unload) -> None:
        """Forget a voice."""
        self._warming.forget(message.voice)
        self._machine.files.forget(message.voice)

    def _check(self, load: Load) -> None:
        try:
            self._come_back(Checked(load, self._machine.files.check(load.voice)))
        except TimbreError as error:
            self._come_back(Checked(load, error))
        except Exception as error:  # else nobody would answer for the voice
            _log.exception("the files of the voice %s were not looked at", load.voice.name)
            self._come_back(Checked(load, TimbreError(f"internal error: {type(error).__name__}")))
