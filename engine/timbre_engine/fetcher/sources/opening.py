"""A file's source, whatever its kind, as an answer whose content is the file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import ClientResponse

from timbre_common.sources import S3, Http, HuggingFace, Oci, Remote
from timbre_engine.fetcher import credentials
from timbre_engine.fetcher.client import Client
from timbre_engine.fetcher.credentials import Credentials
from timbre_engine.fetcher.rules import Origin, Rules
from timbre_engine.fetcher.sources import places, registry


@dataclass(frozen=True)
class Sources:
    """All kinds of sources, over one client."""

    client: Client
    rules: Rules
    directory: Path | None
    """Of the credentials."""
    hub: str

    def host(self, source: Remote) -> Origin:
        """Whom a source asks first. Raises HostRefused."""
        return self.rules.check(self._url(source))

    @asynccontextmanager
    async def open(self, source: Remote, digest: str) -> AsyncIterator[ClientResponse]:
        """The answer that brings the file. Raises HostRefused, Unauthorized, SourceMissing, FetchFailed, TimedOut."""
        url = self._url(source)
        if isinstance(source, Oci):
            scheme = url.partition(":")[0]
            async with registry.opened(self.client, source, digest, self._known, scheme) as answer:
                yield answer
            return
        origin = self.rules.check(url)
        known = self._known(origin)
        if isinstance(source, S3):
            secret = places.s3_headers(source, url, str(origin), known, datetime.now(UTC))
        else:
            secret = known.authorization()
        async with self.client.get(url, secret) as answer:
            yield answer

    def _url(self, source: Remote) -> str:
        match source:
            case Http():
                return source.url
            case HuggingFace():
                return places.hub_url(source, self.hub)
            case S3():
                return places.s3_url(source)
            case Oci():
                name = registry.parse(source.reference)[0]
                return f"{self.rules.scheme_of(name)}://{name}/v2/"

    def _known(self, origin: Origin) -> Credentials:
        return credentials.read(self.directory, origin.host, origin.port)
