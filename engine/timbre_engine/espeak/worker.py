"""A process of its own that speaks one utterance after the other: messages on standard input and output.

Run as `python -m timbre_engine.espeak.worker`. It ends when its standard input does, so it never outlives its parent.
"""

import os
import queue
import signal
import sys
import threading
from typing import BinaryIO, Final

from timbre_common.errors import SetupError
from timbre_engine import pipe
from timbre_engine.espeak import messages
from timbre_engine.espeak.library import RATE, Library, LibraryError, loaded
from timbre_engine.espeak.messages import (
    Begin,
    Cancel,
    End,
    Ended,
    Failed,
    Hello,
    Pcm,
    Silence,
    Speak,
    ToWorker,
    Word,
)
from timbre_engine.espeak.sound import Sound
from timbre_engine.espeak.words import WordMarks

_MAX_PCM: Final = 9_600
"""Bytes of a message of samples at most: 200 ms."""

_FOR_ESPEAK: Final = dict.fromkeys((*range(0x20), 0x7F), " ")
"""NUL ends a C string and other control characters are commands to espeak-ng; a space keeps every position."""


class Worker:
    """Speaks what arrives. The inbox is bounded by the text of one utterance, which the engine bounds."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._inbox: queue.SimpleQueue[Begin | Speak | Silence | End] = queue.SimpleQueue()
        self._cancelled = 0

    def run(self) -> None:
        """Speak for ever."""
        threading.Thread(target=self._receive, daemon=True).start()
        with loaded() as library:
            self._send(Hello(library.version(), library.languages(), library.variants()))
        while True:
            message = self._inbox.get()
            if isinstance(message, Begin):
                self._utter(message)

    def _receive(self) -> None:
        while (body := pipe.read(self._source.read)) is not None:
            message: ToWorker = messages.TO_WORKER.decode(body)
            if isinstance(message, Cancel):
                self._cancelled = max(self._cancelled, message.number)
                self._inbox.put(End())  # wakes an utterance that waits for text; between utterances it is passed over
            else:
                self._inbox.put(message)
        os._exit(0)

    def _utter(self, begin: Begin) -> None:
        try:
            with loaded(begin.seed) as library:
                library.select(begin.voice, begin.rate, begin.pitch)
                _Utterance(self, library, begin).run()
        except LibraryError as error:
            self._send(Failed(str(error)))
        else:
            self._send(Ended())

    def next_piece(self) -> Speak | Silence | None:
        """The utterance's next piece; None at its end."""
        message = self._inbox.get()
        return message if isinstance(message, Speak | Silence) else None

    def cancelled(self, number: int) -> bool:
        """Whether this utterance shall stop."""
        return self._cancelled >= number

    def send_pcm(self, pcm: bytes) -> None:
        """Samples, in messages of a bounded size."""
        for start in range(0, len(pcm), _MAX_PCM):
            self._send(Pcm(pcm[start : start + _MAX_PCM]))

    def send_word(self, word: Word) -> None:
        """A mark; it goes before its samples."""
        self._send(word)

    def _send(self, message: Hello | Pcm | Word | Ended | Failed) -> None:
        self._sink.write(pipe.encode(message))
        self._sink.flush()


class _Utterance:
    """One utterance: a word's samples wait until its end is known, so that its mark can go before them."""

    def __init__(self, worker: Worker, library: Library, begin: Begin) -> None:
        self._worker = worker
        self._library = library
        self._number = begin.number
        self._sound = Sound(begin.gain)
        self._marks = WordMarks(RATE)
        self._waiting = bytearray()
        self._sent = 0
        """Samples at espeak-ng's rate that left."""
        self._piece_start = 0

    def run(self) -> None:
        """Speak until the end or a cancel."""
        while (piece := self._worker.next_piece()) is not None and not self._worker.cancelled(self._number):
            if isinstance(piece, Speak):
                self._speak(piece.text)
            else:
                self._pause(piece)
        if not self._worker.cancelled(self._number):
            self._release(self._marks.end(self._made), self._made)
            self._worker.send_pcm(self._sound.feed(b"", last=True))

    @property
    def _made(self) -> int:
        return self._sent + len(self._waiting) // 2

    def _speak(self, piece: str) -> None:
        self._marks.piece(piece)
        self._piece_start = self._made
        self._library.synthesize(piece.translate(_FOR_ESPEAK), self._heard)
        if not self._marks.any:
            self._waiting.clear()  # a pause before the first word is not heard
        self._release(self._marks.piece_end(self._made), self._made)

    def _pause(self, silence: Silence) -> None:
        self._waiting += bytes(2 * round(silence.seconds * RATE))
        self._release(self._marks.pause(silence.text, self._made), self._made)

    def _heard(self, pcm: bytes, words: list[tuple[int, int]]) -> bool:
        if self._worker.cancelled(self._number):
            return False
        self._waiting += pcm
        for index, sample in words:
            start = self._piece_start + sample
            self._release(self._marks.word(index, start), start)
        return True

    def _release(self, mark: Word | None, until: int) -> None:
        """Send a mark and then its samples, those before `until`."""
        if mark is None:
            return
        self._worker.send_word(mark)
        count = 2 * (until - self._sent)
        ready = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._sent += len(ready) // 2
        self._worker.send_pcm(self._sound.feed(ready))


def main() -> None:
    """The process. Signals to the whole group are the parent's business: it ends this one by closing the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the library prints must not mix with the messages
    try:
        Worker(sys.stdin.buffer, sink).run()
    except BrokenPipeError:
        os._exit(0)  # the parent has gone
    except SetupError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
