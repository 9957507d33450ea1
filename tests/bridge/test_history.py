"""What was said lately, and links to it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from timbre_bridge.heard import Mark
from timbre_bridge.history import MAX_ROOMS, History
from timbre_bridge.listeners.radio import Radio
from timbre_bridge.recording import Recording
from timbre_bridge.settings import Settings
from timbre_bridge.signing import LIFETIME, Signer
from timbre_bridge.utterance import Utterance
from timbre_common.protocol import DoneReason


def said(name: str = "c", room: str = "default", samples: int = 2_400, end: bool = True) -> Recording:
    each = Recording(Utterance(agent_id="lisa", room=room, received_at=0.0, context_id=name), 1, lambda _: None)
    each.air(0.0)
    each.mark(Mark("Bonjour ", 0, 50, False))
    each.mark(Mark("toi.", 50, 100, False))
    each.append(np.full(samples, 1_000, "<i2").tobytes(), 0.0)
    if end:
        each.finish(DoneReason.FINISHED)
    return each


def history(**fields: Any) -> History:
    return History(Settings(routes=Path("r"), **fields))


def names(kept: History, room: str = "default", limit: int = 10) -> list[str]:
    return [each.context_id for each in kept.list(room, limit)]


def test_the_newest_come_first_and_no_more_than_asked_for() -> None:
    kept = history()
    for name in "abc":
        kept.add(said(name), 1.0)
    assert (names(kept), names(kept, limit=2), names(kept, "hall")) == (["c", "b", "a"], ["c", "b"], [])
    found = kept.find("b")
    assert found is not None
    assert (found.text, found.duration_ms, found.reason) == ("Bonjour toi.", 100, "finished")


def test_a_room_keeps_so_many_and_off_is_off() -> None:
    kept, off = history(history=2), history(history=0)
    for name in "abc":
        kept.add(said(name), 1.0)
        off.add(said(name), 1.0)
    assert (names(kept), names(off)) == (["c", "b"], [])


def test_the_bytes_are_bounded_over_all_rooms() -> None:
    kept = history(history_bytes=10_000)
    for name, room in (("a", "one"), ("b", "two"), ("c", "two")):
        kept.add(said(name, room), 1.0)
    assert (names(kept, "one"), names(kept, "two")) == ([], ["c", "b"])


def test_the_rooms_are_bounded() -> None:
    kept = history()
    for number in range(MAX_ROOMS + 1):
        kept.add(said(str(number), f"room {number}"), 1.0)
    assert (names(kept, "room 0"), names(kept, "room 1")) == ([], ["1"])


def test_it_is_forgotten_in_time() -> None:
    kept = history(history_keep=60)
    kept.add(said("a"), 0.0)
    kept.add(said("b"), 30.0)
    kept.sweep(60.0)
    assert names(kept) == ["b"]
    kept.sweep(90.0)
    assert kept.find("b") is None


def test_what_made_no_sound_is_not_kept() -> None:
    kept = history()
    kept.add(said(samples=0), 1.0)
    assert names(kept) == []


def test_a_link_is_good_for_its_path_and_its_time() -> None:
    signer = Signer(b"key")
    link = signer.link("/v1/listen/mon salon.mp3", 1_000.0)
    assert link.startswith("/v1/listen/mon%20salon.mp3?expires=4600&signature=")
    signature = link.rpartition("=")[2]
    path = "/v1/listen/mon salon.mp3"
    assert signer.link(path, 1_000.0, until=1_060.5).startswith("/v1/listen/mon%20salon.mp3?expires=1060&")
    assert signer.allows(path, "4600", signature, 1_000.0 + LIFETIME - 1)
    assert not signer.allows(path, "4600", signature, 1_000.0 + LIFETIME)
    assert not signer.allows(path, "4601", signature, 1_000.0)
    assert not signer.allows("/v1/listen/other.mp3", "4600", signature, 1_000.0)
    assert not Signer(b"other").allows(path, "4600", signature, 1_000.0)


@pytest.mark.parametrize(
    ("expires", "signature"), [(None, "x"), ("1", None), ("soon", "x"), ("²", "x"), ("9" * 99, "é")]
)
def test_a_malformed_link_is_no_link(expires: str | None, signature: str | None) -> None:
    assert not Signer(b"key").allows("/p", expires, signature, 0.0)


def values(pcm: bytes) -> list[int]:
    return sorted(set(np.frombuffer(pcm, "<i2").tolist()))


def test_a_radio_plays_what_is_said_and_silence_in_between() -> None:
    radio, live = Radio(), said(samples=3_000, end=False)
    assert values(radio.pull([], 1_920, 0.0)) == [0]
    assert values(radio.pull([live], 1_920, 0.0)) == [1_000]
    late = radio.pull([live], 1_920, 0.1)
    assert np.count_nonzero(np.frombuffer(late, "<i2")) == 1_080
    live.append(np.full(1_920, 1_000, "<i2").tobytes(), 0.5)
    assert np.count_nonzero(np.frombuffer(radio.pull([live], 1_920, 0.5), "<i2")) == 1_920


def test_a_radio_mixes_and_stops_what_is_cancelled() -> None:
    radio, one, other = Radio(), said("a", end=False), said("b", end=False)
    assert values(radio.pull([one, other], 100, 0.0)) == [2_000]
    one.cancel(None, 0.0)
    assert values(radio.pull([one, other], 100, 0.0)) == [1_000]


def test_a_radio_switched_on_late_hears_what_is_live() -> None:
    live, over = said(samples=24_000, end=False), said("o")
    radio = Radio()
    assert values(radio.pull([over], 100, 5.0)) == [0]
    heard = radio.pull([live], 24_000, 0.25)
    assert np.count_nonzero(np.frombuffer(heard, "<i2")) == 18_000
