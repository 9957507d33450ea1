"""The routes document in a ConfigMap, which the operator writes: watched, since a mounted one lags by up to 90 s."""

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector

from timbre_bridge.engines.routes import MAX_BYTES
from timbre_common import documents
from timbre_common.backoff import Backoff
from timbre_common.documents import Routes
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.names import ROUTES_KEY

log = logging.getLogger(__name__)

_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_WATCH_S: Final = 240
_SILENT_S: Final = 270
"""Longer than any watch is asked to last: one that is silent for so long is dead."""
_CONNECT_S: Final = 5.0


@dataclass(frozen=True)
class Api:
    """The API server as a pod reaches it."""

    url: str
    namespace: str
    token_file: Path
    """Read at each request, since the kubelet renews it."""
    ca_file: Path

    @classmethod
    def of_pod(cls, environ: Mapping[str, str] = os.environ, account: Path = _ACCOUNT) -> "Api":
        """From what a pod is given. Raises SetupError outside one."""
        try:
            host, port = environ["KUBERNETES_SERVICE_HOST"], environ["KUBERNETES_SERVICE_PORT"]
            namespace = (account / "namespace").read_text(encoding="utf-8").strip()
        except (KeyError, OSError) as error:
            raise SetupError(
                "--routes-configmap is for a pod with a ServiceAccount's token; elsewhere, --routes"
            ) from error
        url = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        return cls(url, namespace, account / "token", account / "ca.crt")


class _Metadata(msgspec.Struct, frozen=True):
    resourceVersion: str = ""  # noqa: N815 -- Kubernetes' name


class _ConfigMap(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    data: dict[str, str] = {}


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: msgspec.Raw


class RoutesConfigMap:
    """A ConfigMap, followed by a watch. Where it is missing there are no routes yet; once deleted, they stay."""

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._name = name
        self._seen = ""
        """The document that was taken last."""

    async def first(self) -> Routes:
        """None: they come as changes, so that the bridge starts also while the API server is away."""
        return Routes()

    async def changes(self) -> AsyncIterator[Routes]:
        """See RoutesSource."""
        backoff = Backoff(first=0.5, cap=30.0, floor=0.2)
        trust = ssl.create_default_context(cafile=self._api.ca_file)
        async with ClientSession(self._api.url, connector=TCPConnector(ssl=trust), read_bufsize=MAX_BYTES) as http:
            while True:
                try:
                    async for configmap in self._watch(http):
                        backoff.reset()
                        if (routes := self._parse(configmap)) is not None:
                            yield routes
                except (ClientError, OSError, ValueError) as error:
                    log.warning(
                        "the routes stay as they were: ConfigMap %s: %s", self._name, error or type(error).__name__
                    )
                await asyncio.sleep(backoff.next())

    async def _watch(self, http: ClientSession) -> AsyncIterator[_ConfigMap]:
        """What it is, then what it becomes, until the watch ends."""
        configmaps = f"/api/v1/namespaces/{self._api.namespace}/configmaps"
        limit = ClientTimeout(connect=_CONNECT_S, sock_read=_SILENT_S)
        query = {"watch": "1", "fieldSelector": f"metadata.name={self._name}", "timeoutSeconds": str(_WATCH_S)}
        async with http.get(f"{configmaps}/{self._name}", headers=self._bearer(), timeout=limit) as answer:
            if answer.status != 404:
                answer.raise_for_status()
                found = msgspec.json.decode(await answer.read(), type=_ConfigMap)
                query["resourceVersion"] = found.metadata.resourceVersion
                yield found
        async with http.get(configmaps, params=query, headers=self._bearer(), timeout=limit) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                event = msgspec.json.decode(line, type=_Event)
                if event.type == "ERROR":  # such as 410: too old to go on from
                    return
                if event.type in {"ADDED", "MODIFIED"}:
                    yield msgspec.json.decode(event.object, type=_ConfigMap)

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._api.token_file.read_text(encoding='utf-8').strip()}"}

    def _parse(self, configmap: _ConfigMap) -> Routes | None:
        """The routes, where they are others than before and right."""
        document = configmap.data.get(ROUTES_KEY, "")
        if document == self._seen:
            return None
        self._seen = document
        try:
            return documents.parse_routes(document)
        except InvalidInput as error:
            log.warning("the routes stay as they were: ConfigMap %s: %s", self._name, error)
            return None
