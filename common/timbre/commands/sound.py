"""Where `timbre listen` puts sound: a WAV file, and the machine's speaker where it has one."""

import contextlib
import os
import threading
import time
import wave
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from timbre_common.audio import BYTES_PER_SAMPLE, SAMPLE_RATE
from timbre_common.errors import SetupError

BUFFER_SECONDS: Final = 60
"""Most sound that waits for the speaker; what comes beyond it is not played (the file has it)."""
_DEVICE_MS: Final = 60


class WavFile:
    """A WAV file, 24 kHz mono s16le, written as it comes. Raises SetupError where it cannot be written."""

    def __init__(self, path: Path) -> None:
        self.samples = 0
        try:
            self._raw = path.open("wb")
        except OSError as error:
            raise SetupError(f"{path}: cannot be written ({error.strerror})") from error
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115 -- closed by close()
        self._file.setnchannels(1)
        self._file.setsampwidth(BYTES_PER_SAMPLE)
        self._file.setframerate(SAMPLE_RATE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, pcm: bytes) -> None:
        """Append int16 samples."""
        self._file.writeframesraw(pcm)
        self.samples += len(pcm) // BYTES_PER_SAMPLE

    def close(self) -> None:
        """Complete the header."""
        self._file.close()
        self._raw.close()


class Speaker:
    """Plays what it is given on the default sound device, in order. Raises SetupError where there is none."""

    def __init__(self) -> None:
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._lock = threading.Lock()
        self.skipped = 0
        """Samples that were not played, since too many waited."""
        self._device = _open_device()
        pulling = self._pull()
        next(pulling)
        self._device.start(pulling)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The end of what was said is still on its way to the loudspeaker.
        time.sleep(min(self.waiting, 0.3) + _DEVICE_MS / 1000)
        self._device.close()

    def play(self, pcm: bytes) -> None:
        """Queue int16 samples."""
        with self._lock:
            if self._queued + len(pcm) > BUFFER_SECONDS * SAMPLE_RATE * BYTES_PER_SAMPLE:
                self.skipped += len(pcm) // BYTES_PER_SAMPLE
                return
            self._queue.append(pcm)
            self._queued += len(pcm)

    @property
    def waiting(self) -> float:
        """Seconds of sound that are not played yet."""
        return self._queued / BYTES_PER_SAMPLE / SAMPLE_RATE

    def _pull(self) -> Generator[bytes, int, None]:
        """The device asks for so many samples, on a thread of its own."""
        wanted = yield b""
        while True:
            wanted = yield self._take(wanted * BYTES_PER_SAMPLE)

    def _take(self, size: int) -> bytes:
        taken = bytearray()
        with self._lock:
            while self._queue and len(taken) < size:
                piece = self._queue.popleft()
                room = size - len(taken)
                taken += piece[:room]
                if len(piece) > room:
                    self._queue.appendleft(piece[room:])
            self._queued -= len(taken)
        return bytes(taken.ljust(size, b"\0"))


def _open_device() -> Any:
    try:
        import miniaudio
    except ImportError as error:
        raise SetupError("not played aloud: install the extra `sound` (pip install 'timbre-voices[sound]')") from error
    try:
        with _quiet_stderr():
            return miniaudio.PlaybackDevice(
                output_format=miniaudio.SampleFormat.SIGNED16,
                nchannels=1,
                sample_rate=SAMPLE_RATE,
                buffersize_msec=_DEVICE_MS,
                app_name="timbre",
            )
    except miniaudio.MiniaudioError as error:
        raise SetupError("not played aloud: this machine has no sound device") from error


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """ALSA writes a page to file descriptor 2 where there is no device; one line of ours says it better."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
