"""What the client makes of an API server's answers, by a server that answers as it is told."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kmock import RawHandler, Server, headers, params
from kubernetes.aio.client import Configuration

from timbre_common.errors import (
    ClusterUnavailable,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Permanent,
    TimbreError,
    TooLarge,
    Transient,
    Unauthorized,
)
from timbre_operator.kube.client import ApiKube, connected
from timbre_operator.kube.resource import PODS, SECRETS

PATH = "/api/v1/namespaces/n/secrets/s"
GET, PATCH = f"get {PATH}", f"patch {PATH}"
OBJ = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}}


def status(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


@pytest.fixture
async def kmock() -> AsyncIterator[RawHandler]:
    async with RawHandler() as handler, Server(handler):
        yield handler


@pytest.fixture
async def client(kmock: RawHandler) -> AsyncIterator[ApiKube]:
    async with connected(Configuration(host=str(kmock.url).rstrip("/")), 2.0) as made:
        yield made


@pytest.mark.parametrize(
    ("code", "error", "again"),
    [
        (400, InvalidInput, False),
        (401, Unauthorized, False),
        (403, Forbidden, False),
        (404, NotFound, False),
        (409, Conflict, True),
        (410, Conflict, True),
        (413, TooLarge, False),
        (418, Permanent, False),
        (422, InvalidInput, False),
        (429, ClusterUnavailable, True),
        (500, ClusterUnavailable, True),
        (503, ClusterUnavailable, True),
        (504, ClusterUnavailable, True),
    ],
)
async def test_an_answer_tells_whether_trying_again_can_help(
    kmock: RawHandler, client: ApiKube, code: int, error: type[TimbreError], again: bool
) -> None:
    kmock[PATCH] << code << status(code, "what the server says")
    with pytest.raises(TimbreError) as raised:
        await client.apply(SECRETS, OBJ)
    assert type(raised.value) is error and isinstance(raised.value, Transient) == again
    assert "what the server says" in str(raised.value) and PATH in str(raised.value)


async def test_what_a_proxy_answers_is_told_too(kmock: RawHandler, client: ApiKube) -> None:
    kmock[GET] << 502 << b"<html>Bad Gateway</html>" * 1000
    with pytest.raises(ClusterUnavailable, match="Bad Gateway") as raised:
        await client.get(SECRETS, "n", "s")
    assert len(str(raised.value)) < 2000


async def test_the_server_says_how_long_to_wait(kmock: RawHandler, client: ApiKube) -> None:
    kmock[GET] << 429 << headers({"Retry-After": "7"}) << status(429, "too many requests")
    with pytest.raises(ClusterUnavailable) as raised:
        await client.get(SECRETS, "n", "s")
    assert raised.value.retry_after == 7


@pytest.mark.parametrize("answer", [b"<html>", b"[1]", b""])
async def test_an_answer_that_is_none_is_tried_again(kmock: RawHandler, client: ApiKube, answer: bytes) -> None:
    kmock[GET] << answer
    with pytest.raises(ClusterUnavailable):
        await client.get(SECRETS, "n", "s")


async def test_a_server_that_is_away_or_does_not_answer_is_tried_again(kmock: RawHandler) -> None:
    kmock[GET] << (lambda: asyncio.sleep(2))
    async with connected(Configuration(host=str(kmock.url).rstrip("/")), 0.2) as slow:
        with pytest.raises(ClusterUnavailable, match="no answer in time"):
            await slow.get(SECRETS, "n", "s")
    async with connected(Configuration(host="http://127.0.0.1:9"), 2.0) as away:
        with pytest.raises(ClusterUnavailable):
            await away.get(SECRETS, "n", "s")


async def test_nothing_is_no_error_where_it_is_asked_for(kmock: RawHandler, client: ApiKube) -> None:
    for verb in ("get", "delete"):
        kmock[f"{verb} {PATH}"] << 404 << status(404, "not found")
    kmock["get /apis/keda.sh/v1alpha1"] << 404 << status(404, "not found")
    assert await client.get(SECRETS, "n", "s") is None
    assert await client.read("/apis/keda.sh/v1alpha1") is None
    await client.delete(SECRETS, "n", "s")


async def test_a_list_that_ended_meanwhile_is_read_again_by_the_queue(kmock: RawHandler, client: ApiKube) -> None:
    pods = "get /api/v1/namespaces/n/pods"
    kmock[pods, params({"continue": "more"})] << 410 << status(410, "the continue parameter is too old")
    kmock[pods] << {"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "more"}}
    with pytest.raises(Conflict):
        await client.list(PODS, "n")


async def test_an_apply_says_who_applies_and_that_unknown_fields_are_errors(kmock: RawHandler, client: ApiKube) -> None:
    kmock[PATCH] << OBJ
    await client.apply(SECRETS, OBJ)
    [request] = kmock[PATCH]
    assert request.params == {"fieldManager": "timbre-operator", "force": "true", "fieldValidation": "Strict"}
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert request.headers["User-Agent"] == "timbre-operator"
