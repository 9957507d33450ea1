"""OCI registries: a token where one is wanted, the manifest, and the layer that is the file.

Sources: the distribution specification 1.1 (https://github.com/opencontainers/distribution-spec) and Docker's token
authentication (https://distribution.github.io/distribution/spec/auth/token/).
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
from aiohttp import ClientResponse

from timbre_common import decoding
from timbre_common.errors import DigestMismatch, FetchFailed, HostRefused, InvalidInput, Unauthorized
from timbre_common.sources import Oci
from timbre_engine.fetcher.client import Client
from timbre_engine.fetcher.credentials import Credentials
from timbre_engine.fetcher.rules import Origin

_MANIFESTS: Final = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
_MOST: Final = 4 << 20
"""Bytes of a manifest, or of a token's answer."""
_REFERENCE: Final = re.compile(r"(?P<registry>[^/]+)/(?P<repository>[^:@]+)(:(?P<tag>[^@]+)|@(?P<digest>.+))")
_PARAMETER: Final = re.compile(r'([a-z]+)="([^"]*)"')

T = TypeVar("T")
Known = Callable[[Origin], Credentials]
"""The credentials of a host."""


class _Layer(msgspec.Struct):
    digest: str


class _Manifest(msgspec.Struct):
    layers: list[_Layer] = []


class _Token(msgspec.Struct):
    token: str = ""
    access_token: str = ""


@asynccontextmanager
async def opened(client: Client, source: Oci, digest: str, known: Known, scheme: str) -> AsyncIterator[ClientResponse]:
    """The answer that brings the layer with this digest. Raises DigestMismatch where the artefact has no such layer."""
    registry, repository, reference = parse(source.reference)
    base = f"{scheme}://{registry}/v2/{repository}"
    origin = client.check(base)
    secret = known(origin).authorization()
    manifest_url = f"{base}/manifests/{reference}"
    async with client.get(manifest_url, secret, accept=_MANIFESTS, statuses=(200, 401)) as answer:
        challenge = answer.headers.get("WWW-Authenticate", "") if answer.status == 401 else None
        manifest = await _whole(client, answer) if challenge is None else b""
    if challenge is not None:
        secret = await _token(client, origin, challenge, repository, known)
        async with client.get(manifest_url, secret, accept=_MANIFESTS) as answer:
            manifest = await _whole(client, answer)
    layers = [layer.digest for layer in _decode(manifest, _Manifest, str(origin)).layers]
    if digest not in layers:
        found = ", ".join(layers[:4]) or "no layer"
        raise DigestMismatch(f"{source.reference} has {found}, not {digest}")
    async with client.get(f"{base}/blobs/{digest}", secret) as answer:
        yield answer


def parse(reference: str) -> tuple[str, str, str]:
    """Registry, repository, and the tag or digest. Raises InvalidInput."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise InvalidInput("registry/repository:tag or registry/repository@sha256:… is right", "oci.reference")
    return match["registry"], match["repository"], match["tag"] or match["digest"]


def token_url(challenge: str, repository: str) -> str | None:
    """Where a challenge says that a token to pull with is given out; None where it asks for something else."""
    scheme, _, rest = challenge.partition(" ")
    parameters = dict(_PARAMETER.findall(rest))
    realm = parameters.get("realm", "")
    if scheme.lower() != "bearer" or not urlsplit(realm).netloc:
        return None
    asked = {"scope": f"repository:{repository}:pull"}
    if "service" in parameters:
        asked["service"] = parameters["service"]
    return f"{realm}{'&' if urlsplit(realm).query else '?'}{urlencode(asked)}"


async def _token(client: Client, registry: Origin, challenge: str, repository: str, known: Known) -> dict[str, str]:
    """The header for the registry. A realm on another host gets that host's own credentials, never the registry's."""
    url = token_url(challenge, repository)
    if url is None:
        raise Unauthorized(f"{registry} answers 401: it wants credentials, or other ones, from the host's Secret")
    realm = client.check(url)
    if registry.scheme == "https" and realm.scheme != "https":
        raise HostRefused(f"{registry} sends for its token away from https")
    async with client.get(url, known(realm).basic()) as answer:
        found = _decode(await _whole(client, answer), _Token, str(realm))
    token = found.token or found.access_token
    if not token.isprintable() or not token:
        raise FetchFailed(f"{realm} gives out no token")
    return {"Authorization": f"Bearer {token}"}


async def _whole(client: Client, answer: ClientResponse) -> bytes:
    return b"".join([piece async for piece in client.pieces(answer, _MOST)])


def _decode(data: bytes, kind: type[T], host: str) -> T:
    try:
        return decoding.from_json(data, kind)
    except InvalidInput as error:
        raise FetchFailed(f"{host} does not answer as a registry does: {error}") from error
