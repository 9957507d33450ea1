"""H-Link: what agents publish."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timbre_common import hlink
from timbre_common.errors import InvalidInput, TooLarge
from timbre_common.hlink import Message, Metadata, Payload, Recipient, Sender


def message(**fields: Any) -> bytes:
    return json.dumps({"type": "narrative.text", "sender": {"agent_id": "Lisa"}, **fields}).encode()


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"content": "Bonjour"}, "Bonjour"),
        ({"content": {"text": "Bonjour"}}, "Bonjour"),
        ({"content": {"content": "Bonjour"}}, "Bonjour"),
        ({"content": {"text": 3, "content": "Bonjour"}}, "Bonjour"),
        ({"content": {"mood": "x"}}, ""),
        ({"content": "", "text": "Bonjour"}, "Bonjour"),
        ({"text": "Bonjour"}, "Bonjour"),
        ({}, ""),
    ],
)
def test_where_the_text_is(payload: dict[str, Any], text: str) -> None:
    assert hlink.parse(message(payload=payload)).payload.spoken_text == text


def test_what_is_optional_may_be_null() -> None:
    payload = dict.fromkeys(("text", "format", "emotion", "session_id", "language", "index", "is_final"))
    metadata = dict.fromkeys(("priority", "correlation_id", "ttl", "traceparent"))
    recipient = {"target": "user", "room": None}
    said = hlink.parse(message(payload={"content": "Bonjour", **payload}, metadata=metadata, recipient=recipient))
    assert said.payload.spoken_text == "Bonjour"
    assert not said.payload.is_final


def test_agents_in_any_case() -> None:
    assert hlink.parse(message(sender={"agent_id": " RENARDE "})).agent_id == "renarde"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"\xff\x00\x01", ""),
        (b"{", ""),
        (b"[]", ""),
        (b"{}", ""),
        (message(sender={}), "sender"),
        (message(sender={"agent_id": "  "}), "sender.agent_id"),
        (message(payload={"content": 3}), "payload.content"),
        (message(metadata={"ttl": "soon"}), "metadata.ttl"),
        (b"[" * 100_000, ""),
    ],
)
def test_malformed_messages_name_the_field(data: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        hlink.parse(data)
    assert raised.value.field == field


def test_a_huge_message_is_refused_unread() -> None:
    with pytest.raises(TooLarge):
        hlink.parse(b" " * 10_000_000)


def test_age_counts_from_the_timestamp() -> None:
    now = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)
    sent = Message(type="x", sender=Sender(agent_id="lisa"), timestamp="2026-05-01T12:00:00")
    assert hlink.age(sent, now) == 30.0
    assert hlink.age(sent, now + timedelta(seconds=1)) == 31.0
    assert hlink.age(Message(type="x", sender=Sender(agent_id="lisa"), timestamp="yesterday"), now) is None


texts = st.text(max_size=40)
optional = st.none() | texts
messages = st.builds(
    Message,
    type=texts,
    sender=st.builds(Sender, agent_id=st.text(min_size=1).filter(lambda name: name.strip() != ""), role=texts),
    recipient=st.builds(Recipient, target=texts, room=optional),
    payload=st.builds(
        Payload,
        content=texts | st.dictionaries(texts, texts | st.integers(-(2**53), 2**53)),
        text=optional,
        emotion=optional,
        language=optional,
        index=st.none() | st.integers(0, 2**31),
        is_final=st.none() | st.booleans(),
    ),
    metadata=st.builds(Metadata, priority=optional, correlation_id=optional, ttl=st.none() | st.floats(0, 1e6)),
)


@given(messages)
def test_parsing_undoes_encoding(sent: Message) -> None:
    assert hlink.parse(sent.encode()) == sent


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_invalid_input(data: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        hlink.parse(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(["type", "sender", "recipient", "payload", "metadata", "id", "timestamp"], json_values),
    )
)
def test_any_json_is_a_message_or_invalid_input(value: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidInput):
        hlink.parse(json.dumps(value).encode("utf-8", "surrogatepass"))
