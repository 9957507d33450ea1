"""Which rights an audit log says were used."""

import json
from typing import Any

import pytest

from support.audited import Right, Use, beyond, unused, uses

OPERATOR = "system:serviceaccount:agents:timbre-operator"
GET: Right = ("", "secrets", "get")
APPLY: Right = ("apps", "deployments", "patch")
CREATE: Right = ("apps", "deployments", "create")
GRANTED = {"timbre-operator": {GET, APPLY, CREATE}}


def line(verb: str, resource: str, *, user: str = OPERATOR, code: int = 200, at: int = 0, **about: str) -> str:
    request: dict[str, Any] = {
        "requestReceivedTimestamp": f"2026-11-28T09:00:{at:02}.000000Z",
        "user": {"username": user},
        "verb": verb,
        "objectRef": {"resource": resource, "namespace": "agents", **about},
        "responseStatus": {"code": code},
    }
    return json.dumps(request) + "\n"


def use(right: Right, *, refused: bool = False) -> Use:
    return Use("agents", "timbre-operator", right, refused)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([line("get", "secrets"), line("get", "secrets")], {use(GET)}),
        ([line("patch", "pods", subresource="status")], {use(("", "pods/status", "patch"))}),
        ([line("patch", "deployments", apiGroup="apps", code=201)], {use(APPLY), use(CREATE)}),
        ([line("patch", "deployments", apiGroup="apps", code=200)], {use(APPLY)}),
        ([line("list", "secrets", code=403)], {use(("", "secrets", "list"), refused=True)}),
        ([line("get", "secrets", code=404)], {use(GET)}),
        ([line("create", "selfsubjectaccessreviews", apiGroup="authorization.k8s.io", code=201)], set()),
        ([line("get", "secrets", user="admin")], set()),
        ([line("get", "secrets").rstrip()], set()),
    ],
    ids=[
        "used twice",
        "a subresource",
        "an apply that creates",
        "an apply that changes",
        "refused",
        "not found",
        "everybody's",
        "somebody else's",
        "being written",
    ],
)
def test_used(lines: list[str], found: set[Use]) -> None:
    assert uses(lines) == found


def test_what_was_before_does_not_count() -> None:
    lines = [line("list", "pods", at=0), line("get", "secrets", at=1)]
    assert uses(lines, since="2026-11-28T09:00:01") == {use(GET)}


@pytest.mark.parametrize("resource", ["rolebindings", "namespaces"])
def test_what_follows_the_end_of_rights_does_not_count(resource: str) -> None:
    lines = [
        line("get", "secrets", at=1),
        line("list", "secrets", code=403, at=3),
        line("delete", resource, user="admin", at=2),
    ]
    assert uses(lines) == {use(GET)}


def test_beyond_and_unused_are_told_by_name() -> None:
    found = uses(
        [line("get", "secrets"), line("list", "pods"), line("patch", "deployments", apiGroup="apps", code=403)]
    )
    assert beyond(found, GRANTED) == [
        "timbre-operator: list pods",
        "timbre-operator: patch deployments.apps (refused)",
    ]
    assert unused(found, GRANTED) == [
        "timbre-operator: create deployments.apps",
        "timbre-operator: patch deployments.apps",
    ]
