"""What a field manager owns of an object: `metadata.managedFields`, read and compared."""

import hashlib
import json
from typing import Any, Final

from timbre_operator.kube import FIELD_MANAGER, Object
from timbre_operator.names import APPLIED

_IDENTITY: Final = frozenset({"name", "namespace", "resourceVersion"})


def stamped(wanted: Object) -> Object:
    """The object with the digest of its content, by which it is known again."""
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
    metadata = wanted["metadata"]
    annotations = {**metadata.get("annotations", {}), APPLIED: f"sha256:{digest}"}
    return {**wanted, "metadata": {**metadata, "annotations": annotations}}


def unchanged(live: Object, wanted: Object) -> bool:
    """Whether applying `wanted`, which is stamped, would change nothing of `live`.

    It is so where the same content was applied last and every field of it is still owned: whoever changes a field takes
    it over. Values are not compared, for the server writes them its own way (1.0 as 1, 1000m as 1) and adds defaults.
    """
    was = live["metadata"].get("annotations", {}).get(APPLIED)
    if was is None or was != wanted["metadata"]["annotations"][APPLIED]:
        return False
    content = {key: value for key, value in wanted.items() if key not in ("apiVersion", "kind")}
    content["metadata"] = {key: value for key, value in wanted["metadata"].items() if key not in _IDENTITY}
    mine = fields(live)
    return bool(mine) and covers(mine, content)


def fields(live: Object, manager: str = FIELD_MANAGER, subresource: str = "") -> dict[str, Any]:
    """The fieldsV1 that the manager applied; empty where it applied nothing."""
    for entry in live["metadata"].get("managedFields", []):
        if (entry["manager"], entry["operation"], entry.get("subresource", "")) == (manager, "Apply", subresource):
            return dict(entry.get("fieldsV1", {}))
    return {}


def owners(live: Object, *path: str) -> set[str]:
    """The managers of a field below maps, such as owners(deployment, "spec", "replicas")."""
    found = set()
    for entry in live["metadata"].get("managedFields", []):
        below: Any = entry.get("fieldsV1", {})
        for key in path:
            below = below.get(f"f:{key}") if isinstance(below, dict) else None
        if below is not None:
            found.add(entry["manager"])
    return found


def covers(owned: dict[str, Any], value: Any) -> bool:
    """Whether fieldsV1 has every field of `value`. A map or list that is a leaf there, `{}`, is owned as a whole."""
    if not owned:
        return True
    children = {key: below for key, below in owned.items() if key != "."}
    if isinstance(value, dict):
        return all(f"f:{key}" in children and covers(children[f"f:{key}"], below) for key, below in value.items())
    if isinstance(value, list):
        return all(any(_is(key, item) and covers(below, item) for key, below in children.items()) for item in value)
    return True


def _is(key: str, item: Any) -> bool:
    """Whether `k:{…}` or `v:…` names this item of a list. A key that the item leaves out has its default."""
    told = json.loads(key[2:])
    if key.startswith("v:") or not isinstance(item, dict):
        return bool(told == item)
    return all(item.get(name, value) == value for name, value in told.items())
