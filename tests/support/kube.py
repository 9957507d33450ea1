"""A Kubernetes API in memory, at the operator's own boundary. What it promises is tested against a real one too."""

import copy
import itertools
from collections.abc import Callable
from typing import Any

from timbre_common.errors import Conflict, NotFound, TimbreError
from timbre_operator.kube import FIELD_MANAGER, Object, Resource
from timbre_operator.kube.resource import ACCESS_REVIEWS

Name = tuple[str, str | None, str]


class MemoryKube:
    """Objects by kind, namespace and name. Server-side apply replaces what its caller applied last, and no more."""

    def __init__(self) -> None:
        self.objects: dict[Name, Object] = {}
        self.paths: dict[str, Object] = {}
        """What `read` finds beside objects."""
        self.requests: list[tuple[str, str, str]] = []
        """Verb, plural and name of every request."""
        self.fail: Callable[[str, str], TimbreError | None] = lambda *_: None
        """Asked before each request by its verb and plural: the error to raise."""
        self.allowed: Callable[[Object], bool] = lambda _: True
        """What an access review answers."""
        self._versions = itertools.count(1)

    def put(self, obj: Object, resource: Resource) -> Object:
        """Something that is there already."""
        obj = copy.deepcopy(obj)
        obj["metadata"].setdefault("uid", f"uid-{next(self._versions)}")
        obj["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[self._key(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"])] = obj
        return obj

    def writes(self) -> list[tuple[str, str, str]]:
        """The requests so far that may change something."""
        return [each for each in self.requests if each[0] not in ("get", "list")]

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        self._request("get", resource, name)
        return copy.deepcopy(self.objects.get(self._key(resource, namespace, name)))

    async def list(self, resource: Resource, namespace: str | None, *, labels: str = "") -> list[Object]:
        self._request("list", resource, "")
        wanted = dict(each.split("=") for each in labels.split(",") if each)
        return [
            copy.deepcopy(obj)
            for (plural, where, _), obj in sorted(self.objects.items(), key=lambda each: str(each[0]))
            if plural == resource.plural
            and namespace in (None, where)
            and wanted.items() <= obj["metadata"].get("labels", {}).items()
        ]

    async def create(self, resource: Resource, obj: Object) -> Object:
        if resource == ACCESS_REVIEWS:
            return {**obj, "status": {"allowed": self.allowed(obj["spec"]["resourceAttributes"])}}
        self._request("create", resource, obj["metadata"]["name"])
        if self._key(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"]) in self.objects:
            raise Conflict("it is there already")
        return copy.deepcopy(self.put(obj, resource))

    async def apply(
        self, resource: Resource, obj: Object, *, manager: str = FIELD_MANAGER, subresource: str | None = None
    ) -> Object:
        metadata = obj["metadata"]
        self._request("patch", resource, metadata["name"])
        key = self._key(resource, metadata.get("namespace"), metadata["name"])
        live = self.objects.get(key)
        if live is None and subresource is not None:
            raise NotFound(metadata["name"])
        there = {} if live is None else live["metadata"]
        if any(metadata.get(each, there.get(each)) != there.get(each) for each in ("uid", "resourceVersion")):
            raise Conflict("it was changed meanwhile")
        live = live or {"metadata": {"uid": f"uid-{next(self._versions)}"}}
        managed = live["metadata"].get("managedFields", [])
        others = [each for each in managed if (each["manager"], each.get("subresource")) != (manager, subresource)]
        fields = _fields({key: value for key, value in obj.items() if key not in ("apiVersion", "kind")})
        for each in managed:
            if each not in others:
                live = _dropped(live, each["fieldsV1"], [fields, *(other["fieldsV1"] for other in others)])
        entry = {"manager": manager, "operation": "Apply", "fieldsV1": fields}
        made = _merged(live, obj)
        made["metadata"] |= {
            "managedFields": [*others, entry | ({"subresource": subresource} if subresource else {})],
            "resourceVersion": str(next(self._versions)),
        }
        self.objects[key] = made
        return copy.deepcopy(made)

    async def patch_status(
        self, resource: Resource, namespace: str, name: str, status: Object, *, manager: str = FIELD_MANAGER
    ) -> Object:
        obj = {"metadata": {"namespace": namespace, "name": name}, "status": status}
        return await self.apply(resource, obj, manager=manager, subresource="status")

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str | None = None) -> None:
        self._request("delete", resource, name)
        key = self._key(resource, namespace, name)
        if key in self.objects and uid not in (None, self.objects[key]["metadata"]["uid"]):
            raise Conflict("it is another")
        self.objects.pop(key, None)

    async def read(self, path: str) -> Object | None:
        return copy.deepcopy(self.paths.get(path))

    def _request(self, verb: str, resource: Resource, name: str) -> None:
        self.requests.append((verb, resource.plural, name))
        error = self.fail(verb, resource.plural)
        if error is not None:
            raise error

    @staticmethod
    def _key(resource: Resource, namespace: str | None, name: str) -> Name:
        return resource.plural, namespace, name


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _merged(below.get(key), value) for key, value in copy.deepcopy(above).items()}
    return copy.deepcopy(above)


def _dropped(value: Any, was: dict[str, Any], still: list[dict[str, Any]]) -> Any:
    """The value without the fields of `was` that nobody owns any more."""
    if not isinstance(value, dict):
        return value
    kept = dict(value)
    for key, below in was.items():
        owners = [each[key] for each in still if key in each]
        if not owners:
            kept.pop(key[2:], None)
        elif key[2:] in kept:
            kept[key[2:]] = _dropped(kept[key[2:]], below, owners)
    return kept


def _fields(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {f"f:{key}": _fields(below) for key, below in value.items()}
    return {}
