"""A listener's session: what it is sent, and when."""

import json
import time
from typing import Any

import pytest

from timbre_bridge.heard import Mark
from timbre_bridge.listeners.session import Session
from timbre_bridge.listeners.stream import Limits
from timbre_bridge.recording import Recording
from timbre_bridge.utterance import Utterance
from timbre_common import frame
from timbre_common.errors import InvalidInput
from timbre_common.frame import Encoding, Frame
from timbre_common.protocol import DoneReason, ErrorCode, SessionStart
from timbre_common.tokens import OPEN, Grant

LIMITS = Limits(ahead=10.0, max_lag=5.0, queue=10_000)
SECOND = bytes(48_000)


def session(grant: Grant = OPEN, **start: Any) -> Session:
    each = Session(grant, LIMITS)
    each.start(SessionStart(**{"captions": True, **start}))
    return each


def recording(agent: str = "lisa", room: str = "default") -> Recording:
    each = Recording(Utterance(agent_id=agent, room=room, received_at=0.0, context_id="c"), 7, lambda _: None)
    each.air(0.0)
    return each


def sent(each: Session, now: float = 0.0) -> list[dict[str, Any] | Frame]:
    out: list[dict[str, Any] | Frame] = []
    for data, _, _ in each.due(now):
        if isinstance(data, str):
            out.append(json.loads(data))
        else:
            decoded = frame.decode(data)
            assert decoded is not None
            out.append(decoded)
    return out


def kinds(messages: list[dict[str, Any] | Frame]) -> list[str]:
    """Types in order, runs of frames as one."""
    names = ["frames" if isinstance(each, Frame) else each["type"] for each in messages]
    return [name for index, name in enumerate(names) if index == 0 or name != "frames" or names[index - 1] != "frames"]


def samples(messages: list[dict[str, Any] | Frame]) -> int:
    return sum(each.n_samples for each in messages if isinstance(each, Frame))


def test_an_utterance_from_start_to_end() -> None:
    listener, live = session(), recording()
    listener.join(live, 0.0)
    assert sent(listener) == []
    live.mark(Mark("Bonjour", 0, 1_000, False))
    assert sent(listener) == []
    live.append(SECOND, 0.0)
    first = sent(listener)
    assert kinds(first) == ["audio.start", "caption", "frames"]
    assert first[0] == {
        "type": "audio.start",
        "context_id": "c",
        "stream_id": 7,
        "agent_id": "lisa",
        "room": "default",
        "emotion": "neutral",
        "encoding": "s16le",
        "sample_rate": 24_000,
        "epoch": 1,
        "first_sample": 0,
        "pre_skip": 0,
        "ttfb_ms": 0.0,
    }
    live.finish(DoneReason.FINISHED)
    rest = sent(listener)
    assert samples(first) + samples(rest) == 24_000
    assert rest[-1] == {"type": "audio.done", "context_id": "c", "samples": 24_000, "reason": "finished"}
    assert sent(listener) == []


@pytest.mark.parametrize("reason", [DoneReason.EMPTY, DoneReason.EXPIRED, DoneReason.FAILED])
def test_an_utterance_without_audio_has_an_end_but_no_start(reason: DoneReason) -> None:
    listener, live = session(), recording()
    listener.join(live, 0.0)
    live.finish(reason)
    assert sent(listener) == [{"type": "audio.done", "context_id": "c", "samples": 0, "reason": reason.value}]


def test_captions_only_where_asked_for() -> None:
    listener, live = session(captions=False), recording()
    listener.join(live, 0.0)
    live.mark(Mark("Bonjour", 0, 1_000, False))
    live.append(SECOND, 0.0)
    assert kinds(sent(listener)) == ["audio.start", "frames"]


def test_at_most_ten_seconds_ahead_in_real_time() -> None:
    listener, live = session(), recording()
    listener.join(live, 0.0)
    live.append(SECOND * 30, 0.0)
    assert samples(sent(listener, 0.0)) == pytest.approx(240_000, abs=1_920)
    assert samples(sent(listener, 0.0)) == 0
    due = listener.next_due(0.0)
    assert due is not None
    assert 0 < due < 0.1
    assert samples(sent(listener, 5.0)) == pytest.approx(120_000, abs=1_920)


def test_at_most_ten_seconds_ahead_of_what_was_played() -> None:
    listener, live = session(), recording()
    listener.join(live, 0.0)
    listener.streams["c"].played(0.0)
    live.append(SECOND * 30, 0.0)
    assert samples(sent(listener, 0.0)) == pytest.approx(240_000, abs=1_920)
    assert samples(sent(listener, 60.0)) == 0
    assert listener.next_due(60.0) is None
    listener.streams["c"].played(3_000.0)
    assert samples(sent(listener, 60.0)) == pytest.approx(72_000, abs=1_920)


def test_a_paused_listener_is_not_slow_but_one_that_does_not_read_is() -> None:
    live = recording()
    paused, stuck = session(), session()
    for each in (paused, stuck):
        each.join(live, 0.0)
    paused.streams["c"].played(0.0)
    live.append(SECOND * 60, 0.0)
    sent(paused, 0.0)
    assert not paused.overrun(30.0)
    assert not stuck.overrun(4.9)
    assert stuck.overrun(5.1)


def test_too_many_control_messages_overrun() -> None:
    listener = session()
    for _ in range(200):
        listener.error(ErrorCode.INTERNAL, "x" * 100)
    assert listener.overrun(0.0)
    sent(listener)
    assert not listener.overrun(0.0)


def test_cancelling_stops_between_two_frames() -> None:
    listener, live = session(), recording()
    listener.join(live, 0.0)
    live.mark(Mark("Bonjour ", 0, 500, False))
    live.append(SECOND * 5, 0.0)
    out = listener.due(0.0)
    for _ in range(4):
        next(out)
    live.mark(Mark("à tous", 500, 900, False))
    live.cancel(480.0, 0.2)
    rest = [json.loads(data) for data, _, _ in out if isinstance(data, str)]
    assert rest == [
        {
            "type": "context.cancelled",
            "context_id": "c",
            "heard_ms": 480,
            "heard_text": "Bonjour",
            "estimated": False,
        }
    ]
    assert sent(listener) == []


def test_replaced_says_so_at_once() -> None:
    listener, live = session(), recording()
    listener.join(live, 0.0)
    live.append(SECOND * 30, 0.0)
    sent(listener)
    live.finish(DoneReason.REPLACED)
    assert kinds(sent(listener)) == ["audio.done"]


def test_who_joins_late_hears_what_is_live_or_the_whole() -> None:
    live = recording()
    live.append(SECOND * 4, 0.0)
    for join, first in (("live", 48_000), ("start", 0)):
        listener = session(join=join)
        listener.join(live, 2.0)
        start = sent(listener, 2.0)[0]
        assert isinstance(start, dict)
        assert start["first_sample"] == first


@pytest.mark.parametrize("encoding", Encoding)
def test_resuming_goes_on_from_the_next_sample(encoding: Encoding) -> None:
    live = recording()
    live.mark(Mark("Bonjour ", 0, 500, False))
    live.mark(Mark("à ", 500, 600, False))
    live.append(SECOND, 0.0)
    listener = session(encodings=[encoding.name.lower()])
    listener.resume(live, 12_345, 9.0)
    out = sent(listener, 9.0)
    live.finish(DoneReason.FINISHED)
    out += sent(listener, 9.0)
    assert samples(out) == 24_000 - 12_345
    captions = [each["text"] for each in out if isinstance(each, dict) and each["type"] == "caption"]
    assert captions == ["à "]


def test_resuming_what_is_not_there_yet_is_invalid() -> None:
    with pytest.raises(InvalidInput):
        session().resume(recording(), 1, 0.0)


@pytest.mark.parametrize(
    ("grant", "start", "agent", "room", "hears"),
    [
        (OPEN, {}, "lisa", "hall", True),
        (OPEN, {"agents": ["Lisa"]}, "lisa", "hall", True),
        (OPEN, {"agents": ["electra"]}, "lisa", "hall", False),
        (OPEN, {"rooms": ["hall", "garden"]}, "lisa", "hall", True),
        (OPEN, {"rooms": ["garden"]}, "lisa", "hall", False),
        (Grant(agents=frozenset({"electra"})), {"agents": ["lisa"]}, "lisa", "hall", False),
        (Grant(rooms=frozenset({"garden"})), {}, "lisa", "hall", False),
        (Grant(rooms=frozenset({"garden"})), {"rooms": ["hall"]}, "lisa", "hall", False),
    ],
)
def test_who_hears_what(grant: Grant, start: dict[str, Any], agent: str, room: str, hears: bool) -> None:
    assert session(grant, **start).hears(recording(agent, room)) is hears


def test_a_new_start_replaces_what_it_names() -> None:
    listener, live = session(rooms=["default"], encodings=["opus"]), recording()
    listener.join(live, 0.0)
    listener.start(SessionStart(captions=False))
    assert (listener.encoding, listener.captions, len(listener.streams)) == (Encoding.OPUS, False, 1)
    listener.start(SessionStart(rooms=["hall"]))
    assert listener.streams == {}


@pytest.mark.parametrize(("start", "field"), [({"encodings": ["mp3"]}, "encodings"), ({"join": "later"}, "join")])
def test_what_there_is_not_is_invalid(start: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        session(**start)
    assert raised.value.field == field


def test_the_first_known_encoding_is_taken() -> None:
    assert session(encodings=["flac", "opus", "s16le"]).encoding is Encoding.OPUS


def test_a_token_runs_out() -> None:
    assert not session(Grant(expires_at=time.time() + 60)).expired()
    assert session(Grant(expires_at=time.time() - 1)).expired()
