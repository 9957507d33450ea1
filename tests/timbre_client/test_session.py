"""The session's core: what messages mean, over any number of connections, without sockets."""

import json
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbre import (
    Audio,
    AudioDone,
    AudioResumed,
    AudioStarted,
    Cancelled,
    CaptionEvent,
    Connected,
    ErrorEvent,
    Event,
    GoingAway,
    StatusEvent,
)
from timbre.session import MAX_CONTEXTS, Session, Wish
from timbre_common.errors import InvalidInput, TooLarge
from timbre_common.frame import Encoding, Flag, Frame
from timbre_common.protocol import MAX_START_BYTES, DoneReason, ErrorCode


def start(context: str = "c", stream: int = 1, first_sample: int = 0, epoch: int = 1) -> str:
    return json.dumps(
        {
            "type": "audio.start",
            "context_id": context,
            "stream_id": stream,
            "agent_id": "lisa",
            "room": "default",
            "emotion": "neutral",
            "encoding": "s16le",
            "sample_rate": 24000,
            "epoch": epoch,
            "first_sample": first_sample,
            "pre_skip": 0,
            "ttfb_ms": 12.5,
        }
    )


def pcm(first: int, count: int) -> bytes:
    """Samples that say where they are."""
    return b"".join((sample % 30_000).to_bytes(2, "little") for sample in range(first, first + count))


def sound(first: int, count: int, stream: int = 1, epoch: int = 1, flags: Flag = Flag.NONE) -> bytes:
    return Frame(stream, first, count, pcm(first, count), flags=flags, epoch=epoch).encode()


def caption(text: str, start_ms: int, context: str = "c") -> str:
    return json.dumps(
        {"type": "caption", "context_id": context, "text": text, "start_ms": start_ms, "estimated": False}
    )


def done(samples: int, context: str = "c", reason: str = "finished") -> str:
    return json.dumps({"type": "audio.done", "context_id": context, "samples": samples, "reason": reason})


def feed(session: Session, messages: Iterable[str | bytes]) -> list[Event]:
    return [event for message in messages for event in session.receive(message)]


def heard(events: Iterable[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Audio))


@pytest.fixture
def session() -> Session:
    session = Session(Wish(agents=["lisa"], token="t"))
    session.open()
    return session


def test_opens_with_what_is_wished() -> None:
    wish = Wish(agents=["lisa"], rooms=["salon"], encodings=("opus", "s16le"), captions=False, join="start", token="t")
    assert json.loads(Session(wish).open()) == {
        "type": "session.start",
        "token": "t",
        "agents": ["lisa"],
        "rooms": ["salon"],
        "encodings": ["opus", "s16le"],
        "captions": False,
        "join": "start",
    }


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (start(), AudioStarted("c", "lisa", "default", "neutral", "s16le", 0, 0, 12.5)),
        (
            json.dumps(
                {
                    "type": "session.ready",
                    "session_id": "s",
                    "agents": [],
                    "rooms": ["default"],
                    "encoding": "s16le",
                    "can_speak": True,
                    "server": "x",
                }
            ),
            Connected("s", (), ("default",), "s16le", True, "x"),
        ),
        (json.dumps({"type": "status", "agents": [], "engines": [], "waiting": []}), StatusEvent((), (), ())),
        (json.dumps({"type": "session.going_away", "deadline_ms": 500}), GoingAway(500)),
        (done(0, "other", "empty"), AudioDone("other", 0, DoneReason.EMPTY, True)),
        (
            json.dumps(
                {"type": "context.cancelled", "context_id": "c", "heard_ms": 5, "heard_text": "B", "estimated": True}
            ),
            Cancelled("c", 5, "B", True),
        ),
        (
            json.dumps({"type": "error", "code": "invalid", "message": "m", "event_id": "e"}),
            ErrorEvent(ErrorCode.INVALID, "m", None, "e"),
        ),
    ],
)
def test_messages_become_events(session: Session, message: str, event: Event) -> None:
    assert session.receive(message) == [event]


@pytest.mark.parametrize(
    "message",
    [
        json.dumps({"type": "from.the.future", "anything": 1}),
        bytes([2]) + bytes(15),  # a version not known
        bytes([1, 9]) + bytes(14),  # a kind not known
        sound(0, 10, stream=77),  # a stream nobody announced
        caption("?", 0, "nobody"),
    ],
)
def test_what_is_not_known_is_ignored(session: Session, message: str | bytes) -> None:
    assert session.receive(message) == []


@pytest.mark.parametrize("message", ["{", '{"type": "audio.start"}', b"short"])
def test_malformed_is_told(session: Session, message: str | bytes) -> None:
    with pytest.raises(InvalidInput):
        session.receive(message)


def test_sound_comes_in_order_with_its_place(session: Session) -> None:
    events = feed(session, [start(), sound(0, 100), sound(100, 50, flags=Flag.LAST), done(150)])
    sounds = [event for event in events if isinstance(event, Audio)]
    assert [(event.first_sample, event.samples, event.missing) for event in sounds] == [(0, 100, 0), (100, 50, 0)]
    assert heard(events) == pcm(0, 150)
    assert events[-1] == AudioDone("c", 150, DoneReason.FINISHED, True)


@pytest.mark.parametrize("flags", [Flag.DISCONTINUITY, Flag.NONE])
def test_a_gap_is_counted_whether_announced_or_not(session: Session, flags: Flag) -> None:
    events = feed(session, [start(), sound(0, 100), sound(150, 50, flags=flags), done(200)])
    sounds = [event for event in events if isinstance(event, Audio)]
    assert [event.missing for event in sounds] == [0, 50]
    assert events[-1] == AudioDone("c", 200, DoneReason.FINISHED, False)


def test_an_end_before_all_came_is_not_complete(session: Session) -> None:
    assert feed(session, [start(), sound(0, 100), done(150)])[-1] == AudioDone("c", 150, DoneReason.FINISHED, False)


def test_what_a_stale_maker_sends_is_dropped(session: Session) -> None:
    events = feed(session, [start(), sound(0, 100), start(stream=2, first_sample=100, epoch=2)])
    assert isinstance(events[-1], AudioResumed)
    assert session.receive(sound(100, 50)) == []
    assert heard(session.receive(sound(100, 50, stream=2, epoch=2))) == pcm(100, 50)


def test_nothing_follows_an_end(session: Session) -> None:
    feed(session, [start(), sound(0, 100), done(100)])
    assert feed(session, [sound(100, 50), caption("late", 1)]) == []


def test_resumes_what_is_under_way_and_nothing_else(session: Session) -> None:
    feed(session, [start("a", 1), start("b", 2), sound(0, 10, 1), sound(0, 20, 2), done(10, "a")])
    assert json.loads(session.open())["resume"] == [{"context_id": "b", "next_sample": 20}]


def test_a_resumed_utterance_goes_on(session: Session) -> None:
    first = feed(session, [start(), caption("Bonjour ", 0), sound(0, 100), caption("à tous", 3)])
    session.open()
    # The bridge begins at the sample asked for, repeats the caption that lasts, and numbers its streams anew.
    second = feed(
        session, [start(stream=9, first_sample=100), caption("à tous", 3), sound(100, 60, stream=9), done(160)]
    )
    assert heard(first + second) == pcm(0, 160)
    assert isinstance(second[0], AudioResumed)
    assert [event.text for event in first + second if isinstance(event, CaptionEvent)] == ["Bonjour ", "à tous"]
    assert second[-1] == AudioDone("c", 160, DoneReason.FINISHED, True)


def test_the_same_word_twice_at_once_is_two_captions(session: Session) -> None:
    events = feed(session, [start(), caption("ha", 3), caption("ha", 3)])
    assert sum(isinstance(event, CaptionEvent) for event in events) == 2


def test_a_stream_number_of_an_old_connection_means_nothing(session: Session) -> None:
    feed(session, [start(), sound(0, 100)])
    session.open()
    assert session.receive(sound(100, 10)) == []


def test_resume_gone_ends_the_utterance(session: Session) -> None:
    feed(session, [start(), sound(0, 100)])
    session.receive(json.dumps({"type": "error", "code": "resume_gone", "message": "m", "context_id": "c"}))
    assert "resume" not in json.loads(session.open())


def test_opus_packets_stay_whole(session: Session) -> None:
    feed(session, [start()])
    packets = [Frame(1, first, 480, b"packet", Encoding.OPUS).encode() for first in (0, 480, 720)]
    events = feed(session, packets)
    assert [(event.samples, event.data) for event in events if isinstance(event, Audio)] == [
        (480, b"packet"),
        (480, b"packet"),
        (240, b"packet"),
    ]


def test_utterances_followed_are_bounded_and_the_start_message_fits(session: Session) -> None:
    for number in range(3 * MAX_CONTEXTS):
        session.receive(start(f"{number:036}", number, 4_000_000_000))
    message = session.open()
    assert len(json.loads(message)["resume"]) == MAX_CONTEXTS
    assert len(message) <= MAX_START_BYTES


def test_names_beyond_the_bound_are_refused() -> None:
    with pytest.raises(TooLarge, match="at most 4096 bytes"):
        Session(Wish(agents=["a" * 60] * 100)).open()


@given(
    cuts=st.lists(st.integers(1, 399), max_size=12).map(lambda cuts: [0, *sorted(set(cuts)), 400]),
    losses=st.lists(st.integers(0, 30), max_size=6),
    overlap=st.integers(0, 60),
)
def test_each_sample_comes_once_however_connections_break(cuts: list[int], losses: list[int], overlap: int) -> None:
    """A bridge that cuts anywhere, and after each loss begins up to `overlap` samples before what it was asked for."""
    session = Session(Wish())
    session.open()
    frames = [(first, end - first) for first, end in pairwise(cuts)]
    events = session.receive(start())
    for loss in losses:
        events += feed(session, [sound(*each) for each in frames[:loss]])
        asked = json.loads(session.open())["resume"][0]["next_sample"]
        first = max(0, asked - overlap)
        events += session.receive(start(first_sample=first))
        frames = [(max(at, first), at + count - max(at, first)) for at, count in frames_of(cuts) if at + count > first]
    events += feed(session, [sound(*each) for each in frames])
    events += session.receive(done(400))
    assert heard(events) == pcm(0, 400)
    assert not any(isinstance(event, Audio) and event.missing for event in events)
    assert events[-1] == AudioDone("c", 400, DoneReason.FINISHED, True)


def frames_of(cuts: list[int]) -> list[tuple[int, int]]:
    return [(first, end - first) for first, end in pairwise(cuts)]
