"""What is owned of an object, by managedFields as a real API server writes them."""

from typing import Any

import pytest

from timbre_operator import owned
from timbre_operator.decide import Action, decide, keep_replicas
from timbre_operator.kube import Object

OWNER = "uid-1"
WANTED: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "x",
        "namespace": "n",
        "labels": {"a": "b"},
        "ownerReferences": [
            {"uid": OWNER, "name": "e", "kind": "SpeechEngine", "apiVersion": "v1", "controller": True}
        ],
    },
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "engine",
                        "args": ["serve"],
                        "ports": [{"containerPort": 8770, "protocol": "TCP", "name": "speech"}],
                        "resources": {"requests": {"cpu": "1000m"}},
                        "securityContext": {"capabilities": {"drop": ["ALL"]}},
                    }
                ],
                "tolerations": [{"key": "gpu"}],
                "volumes": [{"name": "tmp", "emptyDir": {}}],
            }
        },
    },
}
_PORT = 'k:{"containerPort":8770,"protocol":"TCP"}'


def fields() -> dict[str, Any]:
    container: dict[str, Any] = {
        ".": {},
        "f:name": {},
        "f:args": {},
        "f:ports": {_PORT: {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}}},
        "f:resources": {"f:requests": {"f:cpu": {}}},
        "f:securityContext": {"f:capabilities": {"f:drop": {}}},
    }
    return {
        "f:metadata": {
            "f:annotations": {"f:timbre.dev/applied": {}},
            "f:labels": {".": {}, "f:a": {}},
            "f:ownerReferences": {f'k:{{"uid":"{OWNER}"}}': {}},
        },
        "f:spec": {
            "f:replicas": {},
            "f:template": {
                "f:spec": {
                    "f:containers": {'k:{"name":"engine"}': container},
                    "f:tolerations": {},
                    "f:volumes": {'k:{"name":"tmp"}': {".": {}, "f:name": {}, "f:emptyDir": {}}},
                }
            },
        },
    }


def live(**entries: dict[str, Any]) -> Object:
    """As the server gives it: values in its own words, defaults added."""
    stamped = owned.stamped(WANTED)
    managed = [
        {"manager": manager.replace("_", "-"), "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": owned_fields}
        for manager, owned_fields in {"timbre_operator": fields(), **entries}.items()
    ]
    metadata = {**stamped["metadata"], "uid": "u", "resourceVersion": "7", "managedFields": managed}
    return {**stamped, "metadata": metadata, "spec": {"replicas": 2, "progressDeadlineSeconds": 600}}


def without(path: str) -> dict[str, Any]:
    """The owned fields without one, as when another manager took it over: what is empty then goes with it."""
    return _without(fields(), path.split("/"))


def _without(found: dict[str, Any], path: list[str]) -> dict[str, Any]:
    first, *rest = path
    below = _without(found[first], rest) if rest else {}
    kept = {key: value for key, value in found.items() if key != first}
    return kept | ({first: below} if below else {})


_CONTAINER = 'f:spec/f:template/f:spec/f:containers/k:{"name":"engine"}'


def test_what_was_applied_and_is_owned_is_unchanged_whatever_the_server_wrote() -> None:
    assert owned.unchanged(live(), owned.stamped(WANTED))


@pytest.mark.parametrize(
    "taken",
    [
        "f:spec/f:replicas",
        f"{_CONTAINER}/f:args",
        f"{_CONTAINER}/f:resources/f:requests/f:cpu",
        f"{_CONTAINER}/f:ports/{_PORT}",
        _CONTAINER,
        "f:spec/f:template/f:spec/f:tolerations",
        'f:spec/f:template/f:spec/f:volumes/k:{"name":"tmp"}/f:emptyDir',
        "f:metadata/f:labels/f:a",
        "f:metadata/f:ownerReferences",
        "f:metadata/f:annotations",
    ],
)
def test_a_field_that_another_took_over_is_drift(taken: str) -> None:
    assert not owned.unchanged(live(timbre_operator=without(taken)), owned.stamped(WANTED))


def test_other_content_is_a_change_also_where_it_only_lacks_a_field() -> None:
    fewer = {**WANTED, "spec": {key: value for key, value in WANTED["spec"].items() if key != "replicas"}}
    assert not owned.unchanged(live(), owned.stamped(fewer))


def test_the_digest_depends_on_the_content_and_not_on_its_order() -> None:
    turned = dict(reversed(list(WANTED.items())))
    assert owned.stamped(turned)["metadata"] == owned.stamped(WANTED)["metadata"]


def test_only_ones_own_applied_fields_count() -> None:
    of_another = live()
    of_another["metadata"]["managedFields"][0]["manager"] = "kubectl"
    assert not owned.unchanged(of_another, owned.stamped(WANTED))
    of_status = live()
    of_status["metadata"]["managedFields"][0]["subresource"] = "status"
    assert not owned.unchanged(of_status, owned.stamped(WANTED))


def test_what_to_do_with_an_object() -> None:
    wanted = owned.stamped(WANTED)
    assert decide(None, wanted, OWNER) is Action.APPLY
    assert decide(live(), wanted, OWNER) is Action.NOTHING
    assert decide(live(timbre_operator=without("f:spec/f:replicas")), wanted, OWNER) is Action.APPLY
    assert decide(live(), wanted, "another-uid") is Action.WAIT, "of a SpeechEngine of that name that was deleted"
    leaving = live()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert decide(leaving, wanted, OWNER) is Action.WAIT
    named = {"uid": "x", "kind": "SpeechEngine", "name": "e"}
    for references in (
        [],
        [{**named, "uid": OWNER}],
        [named],
        [{**named, "name": "f", "controller": True}],
        [{**named, "kind": "Deployment", "controller": True}],
    ):
        alien = live()
        alien["metadata"]["ownerReferences"] = references
        assert decide(alien, wanted, OWNER) is Action.LEAVE


@pytest.mark.parametrize(
    ("also", "kept"),
    [
        ({}, 5),
        ({"timbre_operator_replicas": {"f:spec": {"f:replicas": {}}}}, None),
        ({"kube_controller_manager": {"f:spec": {"f:replicas": {}}}}, None),
        ({"kubectl": {"f:spec": {"f:paused": {}}}}, 5),
    ],
)
def test_replicas_are_handed_over_where_nobody_else_holds_them(also: dict[str, Any], kept: int | None) -> None:
    deployment = live(**also)
    deployment["spec"]["replicas"] = 5
    autoscaled = {**WANTED, "spec": {"template": {}}}
    assert keep_replicas(deployment, autoscaled, "timbre-operator") == kept
    assert keep_replicas(deployment, WANTED, "timbre-operator") is None
