"""Whether the cluster's resources are as new as the operator: it knows each field that the operator reads."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from timbre_common import voiceprofile
from timbre_common.names import API_VERSION, GROUP
from timbre_operator.kube import Kube, Object
from timbre_operator.resources import speechengine

_TYPES: Final = {speechengine.KIND: speechengine.Spec, voiceprofile.KIND: voiceprofile.Spec}
_UPGRADE: Final = "upgrade it: kubectl apply --server-side --force-conflicts -f crds/, or the chart timbre-crds"


async def problems(kube: Kube) -> list[str]:
    """What the served resources lack, a line each. Read from the API's description, which everybody may read."""
    told = await kube.read(f"/openapi/v3/apis/{API_VERSION}")
    return lacking(told or {})


def lacking(description: Object) -> list[str]:
    """What an OpenAPI description of the API group lacks of the operator's own types."""
    served = {_kind(schema): schema for schema in description.get("components", {}).get("schemas", {}).values()}
    found = []
    for kind, type_ in _TYPES.items():
        if kind not in served:
            found.append(f"the resource {kind} ({API_VERSION}) is not there: kubectl apply --server-side -f crds/")
            continue
        fields = sorted(_paths(msgspec.json.schema(type_)) - set(_served(served[kind]["properties"]["spec"])))
        if fields:
            found.append(f"the resource {kind} is older than this operator and lacks {', '.join(fields)}; {_UPGRADE}")
    return found


def _kind(schema: Object) -> str:
    for each in schema.get("x-kubernetes-group-version-kind", []):
        if each["group"] == GROUP and not each["kind"].endswith("List"):
            return str(each["kind"])
    return ""


def _paths(schema: dict[str, Any]) -> set[str]:
    """The fields of a msgspec type, such as `spec.model.digest`; what is free-form within them is left out."""
    return set(_own(schema, schema.get("$defs", {}), "spec"))


def _own(schema: dict[str, Any], defs: dict[str, Any], path: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    for each in schema.get("anyOf", []):
        yield from _own(each, defs, path)
    if isinstance(schema.get("items"), dict):
        yield from _own(schema["items"], defs, f"{path}[]")
    for name, below in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _own(below, defs, f"{path}.{name}")


def _served(schema: dict[str, Any], path: str = "spec") -> Iterator[str]:
    if isinstance(schema.get("items"), dict):
        yield from _served(schema["items"], f"{path}[]")
    for each in schema.get("allOf", []):
        yield from _served(each, path)
    for name, below in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _served(below, f"{path}.{name}")
