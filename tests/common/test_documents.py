"""Routes that lead somewhere."""

import json

import pytest

from timbre_common import documents
from timbre_common.errors import InvalidInput


def routes(url: str) -> str:
    return json.dumps({"engines": [{"name": "default", "url": url}], "agents": []})


@pytest.mark.parametrize(
    "url", ["http://engine", "http://engine:8770", "https://engine.example.org/voices", "http://[fd00::1]:8770"]
)
def test_where_an_engine_answers(url: str) -> None:
    assert documents.parse_routes(routes(url)).engines[0].url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "engine:8770",
        "ftp://engine",
        "http://",
        "http://engine:0",
        "http://engine:99999",
        "http://engine:port",
        "http://[fd00::1:8770",
        f"http://{'e' * 64}",
        "http://a..b",
    ],
)
def test_a_url_that_leads_nowhere_is_refused_with_its_field(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        documents.parse_routes(routes(url))
    assert refused.value.field.startswith("engines")
