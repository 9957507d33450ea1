"""Kube over kubernetes.aio: its configuration, connection pool and authentication, with plain JSON on top."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration

from timbre_common import decoding
from timbre_common.errors import ClusterUnavailable, InvalidInput, NotFound
from timbre_operator.kube import errors
from timbre_operator.kube.protocol import FIELD_MANAGER, Object
from timbre_operator.kube.resource import Resource

_PAGE: Final = 500
"""Objects that one request for a list brings at most."""
_APPLY: Final = "application/apply-patch+yaml"
_JSON: Final = "application/json"


@asynccontextmanager
async def connected(configuration: Configuration, seconds: float) -> AsyncIterator["ApiKube"]:
    """A client whose requests may each take `seconds`."""
    async with ApiClient(configuration) as api:
        api.user_agent = FIELD_MANAGER
        yield ApiKube(api, seconds)


class ApiKube:
    """The Protocol Kube, spoken to a real API server."""

    def __init__(self, api: ApiClient, seconds: float) -> None:
        self._api = api
        self._timeout = seconds

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """See Kube."""
        return await self.read(resource.path(namespace, name))

    async def list(self, resource: Resource, namespace: str | None, *, labels: str = "") -> list[Object]:
        """See Kube. Read page by page."""
        items: list[Object] = []
        query = {"limit": str(_PAGE)} | ({"labelSelector": labels} if labels else {})
        while True:
            page = await self._request("GET", resource.path(namespace), query)
            items += page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return items
            query["continue"] = token

    async def create(self, resource: Resource, obj: Object) -> Object:
        """See Kube."""
        path = resource.path(obj["metadata"].get("namespace"))
        return await self._request("POST", path, {"fieldManager": FIELD_MANAGER}, obj)

    async def apply(
        self, resource: Resource, obj: Object, *, manager: str = FIELD_MANAGER, subresource: str | None = None
    ) -> Object:
        """See Kube. A field that the server does not know is an error, not dropped."""
        path = resource.path(obj["metadata"].get("namespace"), obj["metadata"]["name"], subresource)
        query = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        return await self._request("PATCH", path, query, obj, _APPLY)

    async def patch_status(
        self, resource: Resource, namespace: str, name: str, status: Object, *, manager: str = FIELD_MANAGER
    ) -> Object:
        """See Kube."""
        obj = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"namespace": namespace, "name": name},
            "status": status,
        }
        return await self.apply(resource, obj, manager=manager, subresource="status")

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str | None = None) -> None:
        """See Kube."""
        body: Object = {"propagationPolicy": "Background"} | ({"preconditions": {"uid": uid}} if uid else {})
        try:
            await self._request("DELETE", resource.path(namespace, name), {}, body)
        except NotFound:
            return

    async def read(self, path: str) -> Object | None:
        """See Kube."""
        try:
            return await self._request("GET", path, {})
        except NotFound:
            return None

    async def _request(
        self, method: str, path: str, query: dict[str, str], body: Object | None = None, content_type: str = _JSON
    ) -> Object:
        headers = {"Accept": _JSON, "Content-Type": content_type}
        try:
            async with asyncio.timeout(self._timeout):
                prepared = await self._api.param_serialize(
                    method, path, query_params=list(query.items()), header_params=headers, body=body,
                    auth_settings=["BearerToken"],
                )  # fmt: skip
                response = await self._api.call_api(*prepared, _request_timeout=self._timeout)
                content = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ClusterUnavailable(f"{method} {path}: {str(error) or 'no answer in time'}") from error
        if not 200 <= response.status <= 299:
            raise errors.from_answer(method, path, response.status, content, response.headers.get("Retry-After"))
        return _decoded(method, path, content)


def _decoded(method: str, path: str, content: bytes) -> Object:
    try:
        return decoding.from_json(content, Object)
    except InvalidInput as error:
        raise ClusterUnavailable(f"{method} {path}: the answer is not a JSON object") from error
