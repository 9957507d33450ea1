import json
from typing import Any

import pytest

from timbre_common import errors as tree
from timbre_common.errors import InvalidInput, TimbreError, TooLarge, UnknownModel
from timbre_engine.api import errors, origin
from timbre_engine.api.request import Format, SpeechRequest, StreamFormat
from timbre_engine.api.request import parse as parse_bytes

MINIMAL = {"model": "tts-1", "input": "Bonjour", "voice": "lisa"}


def parse(**fields: Any) -> SpeechRequest:
    return parse_bytes(json.dumps({**MINIMAL, **fields}).encode(), "espeak-ng", 100)


def test_openai_s_defaults() -> None:
    request = parse()
    assert (request.format, request.stream_format, request.wanted.speed) == (Format.MP3, StreamFormat.AUDIO, 1.0)
    assert (request.text, request.wanted.voice) == ("Bonjour", "lisa")


def test_every_field() -> None:
    request = parse(
        voice={"id": "nova"},
        model="espeak-ng",
        instructions="softly",
        response_format="wav",
        speed=2,
        stream_format="sse",
        language="en",
        emotion="sad",
        seed=7,
        user="somebody's own field",
    )
    wanted = request.wanted
    assert (wanted.voice, wanted.instructions, wanted.speed, wanted.language, wanted.emotion, wanted.seed) == (
        "nova",
        "softly",
        2.0,
        "en",
        "sad",
        7,
    )
    assert (request.format, request.stream_format) == (Format.WAV, StreamFormat.SSE)


def test_null_is_a_default() -> None:
    assert parse(speed=None, response_format=None, stream_format=None, seed=None) == parse()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": " \n"}, "input"),
        ({"input": 3}, "input"),
        ({"input": None}, "input"),
        ({"input": ["a"]}, "input"),
        ({"input": "x" * 101}, "input"),
        ({"voice": 3}, "voice"),
        ({"voice": {"name": "lisa"}}, "voice"),
        ({"model": 1}, "model"),
        ({"response_format": "aac"}, "response_format"),
        ({"response_format": "ogg"}, "response_format"),
        ({"response_format": 1}, "response_format"),
        ({"stream_format": "ws"}, "stream_format"),
        ({"speed": 0.2}, "speed"),
        ({"speed": 4.1}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"instructions": []}, "instructions"),
        ({"language": 1}, "language"),
        ({"emotion": {}}, "emotion"),
        ({"seed": 1.5}, "seed"),
        ({"seed": 2**70}, "seed"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(**fields)
    told = errors.body(refused.value)["error"]
    assert (told["param"], told["type"]) == (param, "invalid_request_error")
    assert errors.told(refused.value).status == 400


def test_over_long_has_openai_s_code() -> None:
    with pytest.raises(TooLarge) as refused:
        parse(input="x" * 101)
    assert errors.body(refused.value)["error"]["code"] == "string_above_max_length"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff", b'{"input":"\\ud800"}', b"[" * 10000, b"{}"])
def test_what_is_no_request(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_bytes(body, "espeak-ng", 100)


def test_another_model() -> None:
    with pytest.raises(UnknownModel) as refused:
        parse(model="whisper-1")
    assert errors.told(refused.value).status == 404
    assert errors.body(refused.value)["error"]["code"] == "model_not_found"


def test_the_table_tells_every_error_of_the_tree_by_a_kind_that_is_in_it() -> None:
    declared = {kind for kind in vars(tree).values() if isinstance(kind, type) and issubclass(kind, TimbreError)}
    assert {tree.InvalidInput, tree.Permanent, tree.Transient, TimbreError} <= set(errors.TABLE) <= declared


@pytest.mark.parametrize(
    ("where", "host", "right"),
    [
        (None, "engine:8770", True),
        ("http://localhost:3000", "127.0.0.1:8770", True),
        ("http://127.0.0.1:8770", "127.0.0.1:8770", True),
        ("http://[::1]:8770", "[::1]:8770", True),
        ("http://10.0.0.7:8770", "10.0.0.7:8770", True),
        ("https://speech.example", "engine:8770", True),
        ("https://evil.example", "127.0.0.1:8770", False),
        ("http://evil.example:8770", "evil.example:8770", False),
        ("http://10.0.0.8:8770", "10.0.0.7:8770", False),
        ("http://localhost.evil.example", "127.0.0.1:8770", False),
        ("null", "127.0.0.1:8770", False),
        ("", "127.0.0.1:8770", False),
        ("http://[", "127.0.0.1:8770", False),
    ],
)
def test_which_pages_may_call(where: str | None, host: str, right: bool) -> None:
    if right:
        origin.check(where, host, ["https://speech.example"])
    else:
        with pytest.raises(tree.Forbidden):
            origin.check(where, host, ["https://speech.example"])
