"""Takes in voices' prefixes while nothing speaks, so that a voice's first utterance need not.

A prefix takes several steps' time, so it goes by parts: whoever wants to speak meanwhile waits for one of them.
"""

from collections import deque
from collections.abc import Generator

from timbre_common.documents import Voice
from timbre_common.errors import TimbreError
from timbre_engine.qwen3tts import specs, voice_check
from timbre_engine.qwen3tts.machine import Machine


class Warming:
    """For the worker's thread. Voices wait their turn; they are as many as were loaded."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._voices: deque[Voice] = deque()
        self._going: Generator[None] | None = None

    def add(self, voice: Voice) -> None:
        """A voice was loaded. A blend has no prefix by itself."""
        if voice.blend is None:
            self._voices.append(voice)

    def forget(self, voice: Voice) -> None:
        """A voice is unloaded."""
        self.pause()
        if voice in self._voices:
            self._voices.remove(voice)

    @property
    def pending(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._voices)

    def step(self) -> None:
        """One part of the prefix of the voice whose turn it is. Where no more are kept, what waits is passed over."""
        if self._machine.talker.full and self._going is None:
            self._voices.clear()
            return
        self._going = self._going or self._take_in(self._voices[0])
        try:
            next(self._going)
        except StopIteration:
            self._done()
        except TimbreError:  # whoever speaks with it is told the same
            self._done()

    def pause(self) -> None:
        """Give back what is held; the voice begins anew at the next step."""
        going, self._going = self._going, None
        if going is not None:
            going.close()

    def _done(self) -> None:
        self._going = None
        self._voices.popleft()

    def _take_in(self, voice: Voice) -> Generator[None]:
        machine = self._machine
        taken = machine.files.take(voice)
        key = taken.adapters
        try:
            wanted = specs.Wanted(
                voice=voice,
                language=voice_check.language_of(voice, None, machine.manifest),
                seed=0,
                vector=taken.vector,
                clip=taken.clip,
                streaming_text=taken.streaming_text,
            )
            spec = specs.make(wanted, key, machine.manifest, machine.table, machine.model.tokenize)
            if machine.talker.keeps(key, spec.prefix_key):
                return
            sequence = machine.talker.open(key)
            try:
                vectors = spec.prefix(machine.manifest.codec_ids, machine.table)
                yield from machine.talker.take_in(sequence, spec.prefix_key, vectors)
            finally:
                machine.talker.close(sequence)
        finally:
            machine.adapters.give_back(key)
