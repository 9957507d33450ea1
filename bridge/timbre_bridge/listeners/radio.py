"""A room as one endless stream for media players, pure: what is said, mixed, and silence in between."""

from collections.abc import Iterable

import numpy as np

from timbre_bridge.recording import Recording
from timbre_common.audio import BYTES_PER_SAMPLE


class Radio:
    """One player's place in a room. Audio that comes late (a stall) is played late, not dropped."""

    def __init__(self) -> None:
        self._cursors: dict[str, int] = {}

    def pull(self, recordings: Iterable[Recording], samples: int, now: float) -> bytes:
        """The next `samples` (s16le) of the utterances that are on air or not yet played out."""
        mixed = np.zeros(samples, np.int32)
        cursors = {}
        for recording in recordings:
            if recording.air_at is None or recording.cancelled:
                continue
            cursor = self._cursors.get(recording.context_id)
            if cursor is None:
                cursor = recording.samples if recording.over else recording.playout.position(now)
            end = min(cursor + samples, recording.samples)
            piece = np.frombuffer(bytes(recording.pcm[cursor * BYTES_PER_SAMPLE : end * BYTES_PER_SAMPLE]), "<i2")
            mixed[: len(piece)] += piece
            cursors[recording.context_id] = max(cursor, end)
        self._cursors = cursors
        return bytes(np.clip(mixed, -32_768, 32_767).astype("<i2").tobytes())
