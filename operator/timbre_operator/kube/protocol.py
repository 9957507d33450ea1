"""What the operator asks of the Kubernetes API."""

from typing import Any, Final, Protocol

from timbre_operator.kube.resource import Resource

Object = dict[str, Any]
"""An object of the API in JSON, with apiVersion and kind where it is sent."""

FIELD_MANAGER: Final = "timbre-operator"


class Kube(Protocol):
    """The Kubernetes API. Objects are plain JSON.

    Errors, of every method: ClusterUnavailable (away, too slow, overloaded) and Conflict (changed meanwhile) are
    Transient; Forbidden, Unauthorized, NotFound (a write whose namespace, owner or kind is missing) and InvalidInput
    (what the server refuses) are Permanent.
    """

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """The object; None where there is none."""
        ...

    async def list(self, resource: Resource, namespace: str | None, *, labels: str = "") -> list[Object]:
        """The objects of a namespace, or of all where it is None, that a label selector chooses."""
        ...

    async def create(self, resource: Resource, obj: Object) -> Object:
        """Create an object and return it as stored. Raises Conflict where it is there already."""
        ...

    async def apply(
        self, resource: Resource, obj: Object, *, manager: str = FIELD_MANAGER, subresource: str | None = None
    ) -> Object:
        """Server-side apply: create the object, or make its fields as they are here, and return it as stored.

        Fields that `manager` applied before and that are missing here go; others' fields are taken over. A
        `metadata.resourceVersion` or `metadata.uid` in the object is a precondition (else Conflict).
        """
        ...

    async def patch_status(
        self, resource: Resource, namespace: str, name: str, status: Object, *, manager: str = FIELD_MANAGER
    ) -> Object:
        """Server-side apply of the status alone: whole for this manager, so that two managers can each have fields.

        Conditions merge by their type, other lists are replaced. Raises NotFound where the object has gone.
        """
        ...

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str | None = None) -> None:
        """Delete an object; none is fine. With `uid` only that very one (else Conflict)."""
        ...

    async def read(self, path: str) -> Object | None:
        """What the server tells at another path, such as /openapi/v3; None where there is nothing."""
        ...
