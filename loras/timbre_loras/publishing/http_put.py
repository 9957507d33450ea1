"""HTTP PUT, as WebDAV and most artefact stores take files."""

import base64
import http.client
import os
import ssl
from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

from timbre_common import hosts
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.sources import Http
from timbre_loras.publishing.source import Place, Source

TOKEN: Final = "TIMBRE_PUBLISH_TOKEN"  # noqa: S105 -- a variable's name, not a secret
_TIMEOUT_S: Final = 60
_STORED: Final = (200, 201, 204)


def put(sources: Sequence[Source], url: str) -> Place:
    """PUT the files below a URL that ends with a slash, or the last at any other and the rest beside it; its URL then.

    The token in TIMBRE_PUBLISH_TOKEN goes along, over HTTPS or to this machine only. No redirect is followed. Raises
    InvalidInput, SetupError.
    """
    parts = _checked(url)
    folder, _, last = parts.path.rpartition("/")
    paths = [f"{folder}/{source.name}" for source in sources[:-1]] + [f"{folder}/{last or sources[-1].name}"]
    for source, path in zip(sources, paths, strict=True):
        _put(source, parts, path)
    found = parts._replace(path=paths[-1], query="").geturl()
    return Place(found, Http(url=found) if parts.scheme == "https" else None)


def _put(source: Source, parts: SplitResult, path: str) -> None:
    connection = _connection(parts)
    try:
        connection.request("PUT", path + (f"?{parts.query}" if parts.query else ""), source.blocks(), _headers(source))
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise SetupError(f"{parts.netloc} does not take the file: {error}") from error
    finally:
        connection.close()
    if answer.status not in _STORED:
        raise SetupError(f"{parts.netloc} answers {answer.status} {answer.reason}")


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise InvalidInput(f"no URL: {error}", "target") from error
    if not parts.hostname or not parts.path or parts.fragment or not url.isascii() or not url.isprintable():
        raise InvalidInput("https://HOST/PATH/ is right", "target")
    if parts.username is not None:
        raise InvalidInput(f"credentials come from {TOKEN}, not from the URL", "target")
    if parts.scheme == "http" and os.environ.get(TOKEN) and not hosts.is_loopback(parts.hostname):
        raise InvalidInput("a token goes over https only", "target")
    return parts


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    host = str(parts.hostname)
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT_S)
    return http.client.HTTPSConnection(host, parts.port, timeout=_TIMEOUT_S, context=ssl.create_default_context())


def _headers(source: Source) -> dict[str, str]:
    token = os.environ.get(TOKEN, "")
    return {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(source.size),
        "Content-Digest": f"sha-256=:{base64.b64encode(source.hash).decode()}:",
        **({"Authorization": f"Bearer {token}"} if token else {}),
    }
