"""What the operator says it lacks."""

import asyncio
from typing import Any

import msgspec
import pytest

from support.kube import MemoryKube
from timbre_common import voiceprofile
from timbre_common.errors import ClusterUnavailable, Forbidden, TimbreError, Unauthorized
from timbre_operator import capabilities, preflight, run, schema
from timbre_operator.health import Health
from timbre_operator.kube import Object
from timbre_operator.resources import speechengine
from timbre_operator.settings import Settings

_PATH = "/openapi/v3/apis/timbre.dev/v1alpha1"


def served() -> Object:
    """An OpenAPI description with every field of the operator's own types."""
    kinds = {"SpeechEngine": speechengine.Spec, "VoiceProfile": voiceprofile.Spec}
    return {
        "components": {
            "schemas": {
                f"dev.timbre.v1alpha1.{kind}": {
                    "x-kubernetes-group-version-kind": [{"group": "timbre.dev", "kind": kind, "version": "v1alpha1"}],
                    "properties": {"spec": _inlined(msgspec.json.schema(type_))},
                }
                for kind, type_ in kinds.items()
            }
        }
    }


def _inlined(root: dict[str, Any], schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """A msgspec schema in the words of a CRD: no references, no unions."""
    schema = root if schema is None else schema
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    made: dict[str, Any] = {}
    for each in schema.get("anyOf", []):
        made |= _inlined(root, each)
    if "properties" in schema:
        made["properties"] = {name: _inlined(root, below) for name, below in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        made["items"] = _inlined(root, schema["items"])
    return made


async def problems(kube: MemoryKube, *namespaces: str, keda: bool = False) -> list[str]:
    return await preflight.problems(kube, namespaces, "timbre", keda=keda)


async def test_nothing_is_missing() -> None:
    kube = MemoryKube()
    kube.paths[_PATH] = served()
    assert await problems(kube) == await problems(kube, "a", "b") == await problems(kube, keda=True) == []


async def test_a_missing_right_is_named_by_verb_resource_and_namespace() -> None:
    kube = MemoryKube()
    kube.paths[_PATH] = served()
    kube.allowed = lambda asked: not (asked["resource"] == "secrets" and asked["verb"] in ("create", "patch"))
    assert await problems(kube) == ["may not create, patch secrets in all namespaces"]
    kube.allowed = lambda asked: (asked["resource"], asked["namespace"]) != ("deployments", "b")
    assert await problems(kube, "a", "b") == ["may not get, list, watch, create, patch deployments.apps in namespace b"]
    kube.allowed = lambda asked: asked["subresource"] != "status"
    assert await problems(kube, "a") == [
        "may not patch speechengines/status.timbre.dev in namespace a",
        "may not patch voiceprofiles/status.timbre.dev in namespace a",
    ]
    kube.allowed = lambda asked: asked["resource"] != "leases"
    assert await problems(kube, "a") == ["may not get, create, patch leases.coordination.k8s.io in namespace timbre"]


async def test_rights_on_keda_are_asked_for_where_it_is() -> None:
    kube = MemoryKube()
    kube.paths[_PATH] = served()
    kube.allowed = lambda asked: asked["group"] != "keda.sh"
    assert await problems(kube) == []
    assert len(await problems(kube, keda=True)) == 1


@pytest.mark.parametrize(
    ("kind", "path", "said"),
    [
        ("SpeechEngine", ("slots",), "SpeechEngine is older than this operator and lacks spec.slots; upgrade it"),
        ("SpeechEngine", ("model", "huggingFace"), "lacks spec.model.huggingFace, spec.model.huggingFace.repository"),
        (
            "VoiceProfile",
            ("adapter", "scale"),
            "VoiceProfile is older than this operator and lacks spec.adapter.scale;",
        ),
    ],
)
def test_a_resource_older_than_the_operator_is_said(kind: str, path: tuple[str, ...], said: str) -> None:
    description = served()
    below = description["components"]["schemas"][f"dev.timbre.v1alpha1.{kind}"]["properties"]["spec"]
    for part in path[:-1]:
        below = below["properties"][part]
    del below["properties"][path[-1]]
    [line] = schema.lacking(description)
    assert said in line


def test_a_newer_resource_is_fine_and_an_absent_one_is_said() -> None:
    description = served()
    spec = description["components"]["schemas"]["dev.timbre.v1alpha1.SpeechEngine"]["properties"]["spec"]
    spec["properties"]["fromTheFuture"] = {}
    assert schema.lacking(description) == []
    assert [line.split()[2] for line in schema.lacking({})] == ["SpeechEngine", "VoiceProfile"]


async def test_keda_is_found_when_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    kube = MemoryKube()
    discovery = capabilities.Discovery(kube)
    assert not await discovery.keda()
    kube.paths["/apis/keda.sh/v1alpha1"] = {"resources": [{"name": "scaledobjects"}, {"name": "scaledjobs"}]}
    assert not await discovery.keda(), "an answer counts for a while"
    monkeypatch.setattr(capabilities, "_FRESH_S", 0.0)
    assert await discovery.keda()


class Starting(MemoryKube):
    """An API server that cannot be asked at first."""

    def __init__(self, *errors: TimbreError) -> None:
        super().__init__()
        self.errors = list(errors)

    async def read(self, path: str) -> Object | None:
        if self.errors:
            raise self.errors.pop(0)
        return await super().read(path)


async def test_a_server_that_refuses_the_question_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run, "_WAIT_S", 0.01)
    kube = Starting(ClusterUnavailable("away"), Unauthorized("no such token"), Forbidden("not yet"))
    kube.paths[_PATH] = served()
    async with asyncio.timeout(30):
        await run._prepared(Settings(), kube, capabilities.Discovery(kube), Health(within=1.0))
    assert [each.getMessage() for each in caplog.records] == ["away", "no such token", "not yet"]
