"""From messages to utterances."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from timbre_bridge.intake import Begin, Close, Event, Expired, Intake, Outcome, Piece
from timbre_bridge.settings import Settings
from timbre_bridge.utterance import Priority
from timbre_common.hlink import Message, Metadata, Payload, Recipient, Sender

AGENTS = frozenset({"lisa", "electra"})
WALL = datetime(2026, 5, 1, tzinfo=UTC)
SETTINGS = Settings(routes=Path("routes.json"))


def message(kind: str, text: str = "", agent: str = "lisa", **fields: Any) -> Message:
    metadata = Metadata(**{key: fields.pop(key) for key in ("correlation_id", "ttl", "priority") if key in fields})
    recipient = Recipient(target=fields.pop("target", "user"), room=fields.pop("room", None))
    role = fields.pop("role", "agent")
    extra = {key: fields.pop(key) for key in ("id", "timestamp") if key in fields}
    payload = Payload(content=text, **fields)
    return Message(
        type=kind,
        sender=Sender(agent_id=agent, role=role),
        recipient=recipient,
        payload=payload,
        metadata=metadata,
        **extra,
    )


def chunk(text: str, **fields: Any) -> Message:
    return message("narrative.chunk", text, **{"correlation_id": "c", **fields})


def story(events: list[Event]) -> list[str]:
    """Events in short: a text for a piece, a sign for the rest."""
    signs = {Begin: "<", Close: ">", Expired: "x"}
    return [event.text if isinstance(event, Piece) else signs[type(event)] for event in events]


def said(intake: Intake, *messages: Message, now: float = 0.0) -> list[str]:
    return story([event for each in messages for event in intake.accept(each, now, WALL)])


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (message("narrative.text"), Outcome.SPOKEN),
        (message("narrative.chunk"), Outcome.SPOKEN),
        (message("tts_request"), Outcome.SPOKEN),
        (message("narrative.text", agent="LISA"), Outcome.SPOKEN),
        (message("narrative.text", target="Broadcast"), Outcome.SPOKEN),
        (message("user_message"), Outcome.NOT_SPEECH),
        (message("narrative.action"), Outcome.NOT_SPEECH),
        (message("system.status"), Outcome.NOT_SPEECH),
        (message("expert.opinion"), Outcome.NOT_SPEECH),
        (message("agent.internal_note"), Outcome.NOT_SPEECH),
        (message("visual.asset"), Outcome.NOT_SPEECH),
        (message("audio.clip"), Outcome.NOT_SPEECH),
        (message("tts_start"), Outcome.NOT_SPEECH),
        (message("tts_request", role="timbre-bridge"), Outcome.OWN),
        (message("narrative.text", target="electra"), Outcome.NOT_FOR_PEOPLE),
        (message("narrative.text", target="system"), Outcome.NOT_FOR_PEOPLE),
        (message("narrative.text", agent="nobody"), Outcome.UNKNOWN_AGENT),
    ],
    ids=lambda value: value if isinstance(value, str) else value.type,
)
def test_what_is_spoken(given: Message, outcome: Outcome) -> None:
    assert Intake(SETTINGS).judge(given, known=given.agent_id in AGENTS) is outcome


def test_what_is_for_agents_is_spoken_where_the_settings_say_so() -> None:
    intake = Intake(Settings(routes=Path("r"), speak_to_agents=True))
    assert intake.judge(message("narrative.text", target="electra"), known=True) is Outcome.SPOKEN


def test_the_same_message_twice_is_spoken_once() -> None:
    intake = Intake(SETTINGS)
    sent = message("narrative.text")
    assert [intake.judge(sent, known=True) for _ in range(2)] == [Outcome.SPOKEN, Outcome.DUPLICATE]


def test_a_whole_text_is_one_utterance() -> None:
    intake = Intake(SETTINGS)
    sent = message("narrative.text", "Bonjour.", room="hall", emotion="Happy", language="fr", priority="high")
    begin, piece, close = intake.accept(sent, 5.0, WALL)
    assert isinstance(begin, Begin)
    utterance = begin.utterance
    assert (utterance.room, utterance.emotion, utterance.language) == ("hall", "happy", "fr")
    assert (utterance.priority, utterance.received_at) == (Priority.HIGH, 5.0)
    assert utterance.correlation_id == sent.id
    assert [piece, close] == [Piece(utterance.context_id, "Bonjour."), Close(utterance.context_id)]


def test_what_is_empty_counts_as_absent() -> None:
    begin = Intake(SETTINGS).accept(message("narrative.text", "Oui.", room="", emotion="", language=""), 0.0, WALL)[0]
    assert isinstance(begin, Begin)
    assert (begin.utterance.room, begin.utterance.emotion, begin.utterance.language) == ("default", "neutral", None)


def test_chunks_of_one_correlation_are_one_utterance() -> None:
    intake = Intake(SETTINGS)
    assert said(intake, chunk("Bon"), chunk("jour "), chunk("toi.", is_final=True)) == [
        "<",
        "Bon",
        "jour ",
        "toi.",
        ">",
    ]


def test_chunks_without_correlation_belong_together_by_session() -> None:
    intake = Intake(SETTINGS)
    one = [message("narrative.chunk", text, session_id="s") for text in ("a", "b")]
    other = message("narrative.chunk", "c", agent="electra", session_id="s")
    assert said(intake, one[0], other, one[1]) == ["<", "a", "<", "c", "b"]


def test_two_agents_may_share_a_correlation() -> None:
    intake = Intake(SETTINGS)
    assert said(intake, chunk("a"), chunk("b", agent="electra"), chunk("c")) == ["<", "a", "<", "b", "c"]


def test_a_closing_text_speaks_only_what_the_chunks_have_not_brought() -> None:
    intake = Intake(SETTINGS)
    closing = message("narrative.text", "Bonjour toi. Ça va ?", correlation_id="c")
    assert said(intake, chunk("Bonjour "), chunk("toi."), closing) == ["<", "Bonjour ", "toi.", "Ça va ?", ">"]


def test_a_closing_text_after_the_final_chunk_adds_nothing() -> None:
    intake = Intake(SETTINGS)
    closing = message("narrative.text", "Bonjour.", correlation_id="c")
    assert said(intake, chunk("Bonjour.", is_final=True), closing) == ["<", "Bonjour.", ">"]
    assert said(intake, message("narrative.text", "Bonjour.", correlation_id="c")) == ["<", "Bonjour.", ">"]


def test_whole_texts_of_one_correlation_are_all_spoken() -> None:
    intake = Intake(SETTINGS)
    texts = [message("narrative.text", text, correlation_id="c") for text in ("Un.", "Deux.")]
    assert said(intake, *texts) == ["<", "Un.", ">", "<", "Deux.", ">"]


def test_silence_closes_an_utterance() -> None:
    intake = Intake(SETTINGS)
    intake.accept(chunk("Bonjour."), 10.0, WALL)
    assert intake.tick(11.4) == []
    assert story(intake.tick(11.5)) == [">"]
    assert intake.tick(100.0) == []


def test_a_missing_chunk_is_given_up() -> None:
    intake = Intake(SETTINGS)
    assert said(intake, chunk("a", index=0), chunk("c", index=2)) == ["<", "a"]
    assert intake.tick(0.29) == []
    assert story(intake.tick(0.31)) == ["c"]


def test_what_is_too_old_is_not_spoken() -> None:
    intake = Intake(SETTINGS)
    old = (WALL - timedelta(seconds=11)).isoformat()
    assert said(intake, message("narrative.text", "Vieux.", ttl=10, timestamp=old)) == ["x"]
    young = (WALL - timedelta(seconds=4)).isoformat()
    begin = intake.accept(message("narrative.text", "Jeune.", ttl=10, timestamp=young), 100.0, WALL)[0]
    assert isinstance(begin, Begin)
    assert begin.utterance.expires_at == pytest.approx(106.0)


def test_a_cancelled_utterance_takes_no_more_text() -> None:
    intake = Intake(SETTINGS)
    begin = intake.accept(chunk("a"), 0.0, WALL)[0]
    assert isinstance(begin, Begin)
    intake.forget(begin.utterance.context_id)
    assert said(intake, chunk("b"), chunk("c", is_final=True)) == [">"]


def closing(text: str) -> Message:
    return message("narrative.text", text, correlation_id="c")


def test_a_text_that_goes_on_after_silence_is_said_once() -> None:
    intake = Intake(SETTINGS)
    assert said(intake, chunk("Un, ")) == ["<", "Un, "]
    assert story(intake.tick(2.0)) == [">"]
    assert said(intake, chunk("deux, "), now=3.0) == ["<", "deux, "]
    assert said(intake, closing("Un, deux, trois."), now=4.0) == ["trois.", ">"]


def test_the_next_utterance_of_a_session_is_a_new_one() -> None:
    intake = Intake(SETTINGS)
    first, second = (message("narrative.chunk", "Oui.", session_id="s", index=0) for _ in range(2))
    assert said(intake, first) == ["<", "Oui."]
    assert story(intake.tick(2.0)) == [">"]
    assert said(intake, second, now=3.0) == ["<", "Oui."]


@pytest.mark.parametrize("more", [[chunk("deux. ", is_final=True)], [chunk("deux. ")], []])
@pytest.mark.parametrize("cut_late", [False, True])
def test_no_closing_text_goes_on_with_what_was_cancelled(more: list[Message], cut_late: bool) -> None:
    intake = Intake(SETTINGS)
    begin = intake.accept(chunk("Un, "), 0.0, WALL)[0]
    assert isinstance(begin, Begin)
    if cut_late:
        intake.tick(2.0)
    intake.forget(begin.utterance.context_id)
    assert "deux. " not in said(intake, *more, now=2.1)
    intake.tick(4.0)
    assert said(intake, closing("Un, deux. Trois."), now=5.0) == []
    assert said(intake, closing("Quatre."), now=5.0) == ["<", "Quatre.", ">"]


def test_open_utterances_are_bounded() -> None:
    intake = Intake(SETTINGS)
    events = [story(intake.accept(chunk("a", correlation_id=str(n)), 0.0, WALL)) for n in range(1_030)]
    assert events[0] == ["<", "a"]
    assert events[-1] == [">", "<", "a"]
