"""A real fetcher in a process of its own."""

import asyncio
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from support.engine_process import ADMIN_TOKEN, answered
from support.process import Process
from timbre_common.documents import VoicesDocument, VoicesStatus, VoiceState


class FetcherProcess(Process):
    """The fetcher before the engine at `engine`; `home` holds its volume and its files. Port 0: a free one."""

    def __init__(self, home: Path, engine: str, *arguments: str, port: int = 0) -> None:
        self.tokens = home / "tokens"
        self.tokens.write_text(f"{ADMIN_TOKEN}\n")
        self.adapters = home / "adapters"
        self.adapters.mkdir(exist_ok=True)
        self.token = ADMIN_TOKEN
        super().__init__(
            "timbre-engine",
            "fetcher",
            f"--adapters={self.adapters}",
            f"--credentials={home / 'credentials'}",
            f"--token-file={self.tokens}",
            f"--engine={engine}",
            f"--port={port}",
            *arguments,
            ready=r"listening on (http://\S+)",
        )
        self.url = ""

    async def __aenter__(self) -> Self:
        self.url = (await self.start())[1]
        return self

    async def put(self, document: VoicesDocument) -> VoicesStatus:
        """Give it voices; what became of them."""
        status, body = await self.fetch("/admin/voices", "PUT", msgspec.json.encode(document))
        assert status == 200, body
        return msgspec.json.decode(body, type=VoicesStatus)

    async def status(self) -> VoicesStatus:
        """What became of its voices."""
        status, body = await self.fetch("/admin/voices")
        assert status == 200, body
        return msgspec.json.decode(body, type=VoicesStatus)

    async def until(self, right: Callable[[VoicesStatus], bool], within: float = 60.0) -> VoicesStatus:
        """Waits until its list is right."""
        status = await self.status()
        try:
            async with asyncio.timeout(within):
                while not right(status):
                    await asyncio.sleep(0.05)
                    status = await self.status()
        except TimeoutError:
            raise AssertionError(f"{status}\n" + "\n".join(self.log[-20:])) from None
        return status

    async def until_ready(self, *names: str, within: float = 60.0) -> VoicesStatus:
        """Waits until exactly these voices are listed, and ready."""
        return await self.until(
            lambda status: (
                sorted(status.voices) == sorted(names)
                and all(voice.state is VoiceState.READY for voice in status.voices.values())
            ),
            within,
        )

    async def until_code(self, name: str, code: str, within: float = 60.0) -> VoicesStatus:
        """Waits until a voice has this code."""
        return await self.until(lambda status: status.voices[name].code == code, within)

    async def fetch(self, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
        """A plain HTTP request with its token: (status, body)."""
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(self.url + path, body, headers, method=method)
        return await asyncio.to_thread(answered, request)

    async def metric(self, name: str) -> float:
        """A metric's value; `name` is what stands before the value, labels included."""
        _, body = await self.fetch("/metrics")
        lines = [line.rpartition(" ") for line in body.decode().splitlines() if not line.startswith("#")]
        return next(float(value) for head, _, value in lines if head == name)
