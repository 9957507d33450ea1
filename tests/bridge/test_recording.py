"""Recordings: what is cut into frames is what was made, whatever came in which pieces."""

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timbre_bridge.heard import Mark, heard_text
from timbre_bridge.playout import Playout
from timbre_bridge.recording import Recording
from timbre_bridge.track import FRAME_SAMPLES, Track
from timbre_bridge.utterance import Utterance
from timbre_common import frame
from timbre_common.frame import Encoding, Flag, Frame
from timbre_common.protocol import DoneReason


def recording() -> Recording:
    return Recording(Utterance(agent_id="lisa", room="r", received_at=0.0), 7, lambda _: None)


def tone(samples: int, amplitude: float = 8_000) -> bytes:
    wave: bytes = (amplitude * np.sin(2 * np.pi * 440 * np.arange(samples) / 24_000)).astype("<i2").tobytes()
    return wave


def frames_of(track: Track) -> list[Frame]:
    decoded = [frame.decode(each.data) for each in track.frames]
    assert None not in decoded
    return [each for each in decoded if each is not None]


def check_contiguous(frames: list[Frame], start: int, total: int) -> None:
    position = start
    for each in frames:
        assert each.first_sample == position
        position += each.n_samples
    assert position == total
    assert [bool(each.flags & Flag.FIRST) for each in frames] == [True] + [False] * (len(frames) - 1)
    assert [bool(each.flags & Flag.LAST) for each in frames] == [False] * (len(frames) - 1) + [True]


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=12), st.data())
def test_pcm_frames_are_the_audio(pieces: list[int], data: st.DataObject) -> None:
    audio = tone(sum(pieces))
    start = data.draw(st.integers(0, sum(pieces)))
    live = recording()
    track = live.track(Encoding.S16LE, 0)
    position = 0
    for samples in pieces:
        live.append(audio[position * 2 : (position + samples) * 2], 0.0)
        position += samples
    live.complete()
    for each, first in ((track, 0), (live.track(Encoding.S16LE, start), start)):
        frames = frames_of(each)
        check_contiguous(frames, first, sum(pieces))
        assert b"".join(bytes(part.payload) for part in frames) == audio[first * 2 :]


def test_the_first_audio_leaves_at_once_and_the_rest_in_80_ms() -> None:
    live = recording()
    track = live.track(Encoding.S16LE, 0)
    live.append(tone(100), 0.0)
    assert [each.n_samples for each in frames_of(track)] == [100]
    live.append(tone(2 * FRAME_SAMPLES + 5), 0.0)
    assert [each.n_samples for each in frames_of(track)] == [100, FRAME_SAMPLES, FRAME_SAMPLES]
    live.complete()
    assert [each.n_samples for each in frames_of(track)] == [100, FRAME_SAMPLES, FRAME_SAMPLES, 5]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=6), st.integers(0, 2_000))
def test_opus_frames_cover_the_audio_to_the_sample(pieces: list[int], start: int) -> None:
    total = sum(pieces)
    start = min(start, total)
    live = recording()
    shared = live.track(Encoding.OPUS, 0)
    for samples in pieces:
        live.append(tone(samples), 0.0)
    live.complete()
    check_contiguous(frames_of(shared), 0, total)
    check_contiguous(frames_of(live.track(Encoding.OPUS, start)), start, total)


def sweep(samples: int) -> bytes:
    """Unlike a tone, a sweep agrees with itself at one place only."""
    seconds = np.arange(samples) / 24_000
    wave: bytes = (8_000 * np.sin(2 * np.pi * (200 * seconds + 400 * seconds**2))).astype("<i2").tobytes()
    return wave


@pytest.mark.parametrize("start", [0, 12_345])
def test_decoded_opus_is_the_audio_at_its_place(start: int) -> None:
    live = recording()
    audio = sweep(48_000)
    live.append(audio, 0.0)
    live.complete()
    track = live.track(Encoding.OPUS, start)
    decoder = av.CodecContext.create("opus", "r")
    packets = [av.Packet(bytes(each.payload)) for each in frames_of(track) if each.n_samples]
    at_48_khz = np.concatenate([part.to_ndarray()[0] for packet in packets for part in decoder.decode(packet)])
    heard = at_48_khz[::2][track.pre_skip :]
    original = np.frombuffer(audio, "<i2")[start:]
    heard = heard[: len(original)]
    settled = slice(2_400, len(original) - 480)  # the encoder needs a moment to settle
    assert np.corrcoef(heard[settled], original[settled])[0, 1] > 0.95


def test_sound_begins_above_minus_50_dbfs() -> None:
    live = recording()
    live.append(tone(500, amplitude=90), 0.0)
    assert live.first_sound is None
    live.append(bytes(20) + tone(100), 0.0)
    assert live.first_sound == 511


def test_a_mark_without_text_is_no_caption() -> None:
    live = recording()
    for mark in (Mark("un", 0, 80, True), Mark("", 80, 160, True), Mark(" deux", 160, 240, True)):
        live.mark(mark)
    assert [mark.text for mark in live.marks] == ["un", " deux"]


def test_the_end_is_final() -> None:
    live = recording()
    live.append(tone(10), 0.0)
    live.finish(DoneReason.FINISHED)
    live.append(tone(10), 0.0)
    live.finish(DoneReason.FAILED)
    assert (live.samples, live.end) == (10, DoneReason.FINISHED)


MARKS = [Mark("Bonjour ", 0, 500, False), Mark("à ", 500, 600, False), Mark("tous.", 600, 1_100, False)]


@pytest.mark.parametrize(
    ("heard_ms", "text"),
    [
        (0, ""),
        (200, ""),
        (260, "Bonjour"),
        (510, "Bonjour"),
        (580, "Bonjour à"),
        (700, "Bonjour à"),
        (1_100, "Bonjour à tous."),
    ],
)
def test_what_was_heard(heard_ms: int, text: str) -> None:
    assert heard_text(MARKS, heard_ms) == text


@pytest.mark.parametrize(
    ("played_ms", "now", "heard_ms", "estimated"),
    [(300.0, 5.0, 300, False), (9_999.0, 5.0, 1_000, False), (None, 10.25, 250, True), (None, 99.0, 1_000, True)],
)
def test_cancelling_tells_what_was_heard(played_ms: float | None, now: float, heard_ms: int, estimated: bool) -> None:
    live = recording()
    live.air(10.0)
    live.append(tone(24_000), 10.0)
    cancelled = live.cancel(played_ms, now)
    assert (cancelled.heard_ms, cancelled.estimated) == (heard_ms, estimated)
    assert live.end is DoneReason.CANCELLED


def test_the_playout_stands_still_while_the_stream_is_dry() -> None:
    playout = Playout()
    playout.append(24_000, 10.0)
    assert [playout.position(now) for now in (9.0, 10.0, 10.5, 11.0, 12.0)] == [0, 0, 12_000, 24_000, 24_000]
    playout.append(24_000, 15.0)
    assert [playout.position(now) for now in (15.0, 15.5, 16.0)] == [24_000, 36_000, 48_000]
    assert playout.end == 16.0
