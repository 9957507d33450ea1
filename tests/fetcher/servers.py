"""Servers of other projects that files are fetched from, as processes."""

import asyncio
import json
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from support.process import free_port
from timbre_engine.fetcher.settings import Settings

HTPASSWD: Final = "lisa:$2b$05$s1kGYUHeae3c9xj9pgvvUOnG/s2uG7tjNKdPTkW5n43UeZ.YaxnRu\n"
"""Of "secret", by htpasswd -B."""


@asynccontextmanager
async def moto() -> AsyncIterator[str]:
    """A server of buckets; its URL."""
    port = free_port()
    async with _running(f"http://127.0.0.1:{port}", sys.executable, "-m", "moto.server", "-p", str(port)):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def registry(folder: Path, *, password: bool = False) -> AsyncIterator[str]:
    """Debian's registry, whose files lie in the folder; its host and port. `password`: lisa's is "secret"."""
    host = f"127.0.0.1:{free_port()}"
    config: dict[str, Any] = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": host},
    }
    if password:
        (folder / "htpasswd").write_text(HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "voices", "path": str(folder / "htpasswd")}}
    (folder / "registry.json").write_text(json.dumps(config))
    async with _running(f"http://{host}/v2/", "docker-registry", "serve", str(folder / "registry.json")):
        yield host


def insecure(root: Path, secrets: Path, host: str) -> Settings:
    """For a server that speaks plain HTTP."""
    return Settings(
        adapters=root, credentials=secrets, allowed_hosts=host, insecure_hosts=host, allow_private=True, stall=20
    )


@asynccontextmanager
async def _running(url: str, *command: str) -> AsyncIterator[None]:
    """A server that answers on `url`."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    try:
        async with asyncio.timeout(60):
            while not await asyncio.to_thread(_answers, url):
                assert process.returncode is None
                await asyncio.sleep(0.05)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
