"""The published vectors: what other implementations of timbre.v1 check against."""

import json
from importlib.resources import files
from typing import Any

import pytest

from timbre_common import frame, protocol
from timbre_common.errors import InvalidInput
from timbre_common.frame import Encoding, Flag, Frame

VECTORS = files("timbre_common") / "vectors"
FRAMES: dict[str, list[dict[str, Any]]] = json.loads((VECTORS / "frames.json").read_text())
MESSAGES: dict[str, list[dict[str, Any]]] = json.loads((VECTORS / "messages.json").read_text())


def of(vector: dict[str, Any]) -> Frame:
    flags = Flag.NONE
    for name in vector["flags"]:
        flags |= Flag[name.upper()]
    return Frame(
        vector["stream_id"],
        vector["first_sample"],
        vector["n_samples"],
        bytes.fromhex(vector["payload_hex"]),
        Encoding[vector["encoding"].upper()],
        flags,
        vector["epoch"],
    )


@pytest.mark.parametrize("vector", FRAMES["valid"], ids=lambda vector: vector["name"])
def test_frame(vector: dict[str, Any]) -> None:
    assert frame.decode(bytes.fromhex(vector["hex"])) == of(vector)
    assert of(vector).encode().hex() == vector["hex"]


@pytest.mark.parametrize("vector", FRAMES["invalid"], ids=lambda vector: vector["name"])
def test_invalid_frame(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        frame.decode(bytes.fromhex(vector["hex"]))


@pytest.mark.parametrize("vector", FRAMES["ignored"], ids=lambda vector: vector["name"])
def test_frame_of_a_newer_kind_is_ignored(vector: dict[str, Any]) -> None:
    assert frame.decode(bytes.fromhex(vector["hex"])) is None


@pytest.mark.parametrize("message", MESSAGES["client"], ids=lambda message: message["type"])
def test_client_message(message: dict[str, Any]) -> None:
    assert json.loads(protocol.encode(protocol.decode_client(json.dumps(message)))) == message


@pytest.mark.parametrize("message", MESSAGES["server"], ids=lambda message: message["type"])
def test_server_message(message: dict[str, Any]) -> None:
    decoded = protocol.decode_server(json.dumps(message))
    assert decoded is not None
    assert json.loads(protocol.encode(decoded)) == message


def test_every_type_has_a_vector() -> None:
    assert [message["type"] for message in MESSAGES["client"]] == list(protocol.CLIENT_TYPES)
    assert [message["type"] for message in MESSAGES["server"]] == list(protocol.SERVER_TYPES)


@pytest.mark.parametrize("message", MESSAGES["newer"])
def test_unknown_fields_are_ignored(message: dict[str, Any]) -> None:
    assert isinstance(protocol.decode_client(json.dumps(message)), protocol.ContextCancel)


@pytest.mark.parametrize("message", MESSAGES["unknown"])
def test_unknown_types(message: dict[str, Any]) -> None:
    with pytest.raises(protocol.UnknownType) as raised:
        protocol.decode_client(json.dumps(message))
    assert raised.value.event_id == message["event_id"]
    assert protocol.decode_server(json.dumps(message)) is None


@pytest.mark.parametrize("vector", MESSAGES["invalid"], ids=lambda vector: vector["field"])
def test_invalid_messages_name_the_field(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as raised:
        protocol.decode_client(json.dumps(vector["message"]))
    assert raised.value.field == vector["field"]
