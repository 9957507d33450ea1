"""A server that files are fetched from, and what fetches them in this process."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from support.source_server import SourceServer
from timbre_engine.fetcher import credentials, rules
from timbre_engine.fetcher.client import Client
from timbre_engine.fetcher.downloads import Downloads
from timbre_engine.fetcher.rules import Rules
from timbre_engine.fetcher.settings import Settings
from timbre_engine.fetcher.sources.opening import Sources
from timbre_engine.fetcher.volume import Volume

Make = Callable[[Settings], Downloads]


@pytest.fixture
async def source() -> AsyncIterator[SourceServer]:
    async with SourceServer() as server:
        yield server


@pytest.fixture
def secrets(tmp_path: Path, source: SourceServer) -> Path:
    """The directory of the credentials, which trusts the server."""
    source.trusted_by(tmp_path / "credentials")
    return tmp_path / "credentials"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The adapters volume."""
    (tmp_path / "adapters").mkdir()
    return tmp_path / "adapters"


@pytest.fixture
def settings(source: SourceServer, secrets: Path, root: Path) -> Callable[..., Settings]:
    """Makes settings with which the source's files may be fetched."""

    def make(**changes: Any) -> Settings:
        fields: dict[str, Any] = {
            "adapters": root,
            "credentials": secrets,
            "allowed_hosts": source.hosts(),
            "allow_private": True,
            "hub": source.url(""),
        }
        return Settings(**fields | changes)

    return make


@pytest.fixture
async def downloads() -> AsyncIterator[Make]:
    """Makes what fetches, of settings."""
    clients: list[Client] = []

    def make(settings: Settings) -> Downloads:
        allowed = Rules(
            allowed=rules.patterns(settings.allowed_hosts, ""),
            insecure=rules.patterns(settings.insecure_hosts, ""),
            allow_private=settings.allow_private,
        )
        client = Client(allowed, settings.stall, lambda at: credentials.read(settings.credentials, at.host).authority)
        clients.append(client)
        sources = Sources(client, allowed, settings.credentials, settings.hub)
        return Downloads(sources, Volume(settings.adapters), settings)

    yield make
    for client in clients:
        await client.close()
