"""A real engine in a process of its own, and the voices that it is given."""

import asyncio
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from support.process import Process
from timbre_common import documents, names, voiceprofile
from timbre_common.documents import VoicesDocument, VoicesStatus

ADMIN_TOKEN = "an-administrators-token-of-these-tests"  # without spaces, as in the operator's Secrets
LORAS = Path(__file__).parents[2] / "loras"


def house_voices(generation: int = 1) -> VoicesDocument:
    """The voices of loras/*/voiceprofile.yaml."""
    profiles = [voiceprofile.parse(path.read_text()) for path in sorted(LORAS.glob("*/voiceprofile.yaml"))]
    return documents.voices_document(profiles, names.DEFAULT_ENGINE, generation)


def answered(request: urllib.request.Request) -> tuple[int, bytes]:
    """(status, body), also where the status is no success."""
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


class EngineProcess(Process):
    """`timbre-engine serve` on free ports; `arguments` are further flags. As a context manager it is ready to speak.

    `voices`: what it is given once it is ready; None gives none, and `put_voices` does so later.
    """

    def __init__(
        self, *arguments: str, voices: VoicesDocument | None = None, port: int = 0, admin_port: int = 0
    ) -> None:
        self.admin_token = ADMIN_TOKEN
        super().__init__(
            "timbre-engine",
            "serve",
            f"--port={port}",
            f"--admin-port={admin_port}",
            *arguments,
            ready=r"listening on (http://\S+) \(administration (http://\S+)\)",
            env={names.ENV_ADMIN_TOKEN: self.admin_token},
        )
        self._voices = voices
        self.url = ""
        self.admin_url = ""

    async def __aenter__(self) -> Self:
        match = await self.start()
        self.url, self.admin_url = match[1], match[2]
        try:
            await self.healthy()
            if self._voices is not None:
                await self.put_voices(self._voices)
        except BaseException:
            await self.stop()
            raise
        return self

    async def healthy(self, within: float = 30.0) -> None:
        """Waits until `/health` says that it can speak."""
        async with asyncio.timeout(within):
            while (await self.fetch("/health"))[0] != 200:
                await asyncio.sleep(0.02)

    async def put_voices(self, document: VoicesDocument) -> VoicesStatus:
        """Give it voices; what became of them."""
        status, body = await self.fetch("/admin/voices", "PUT", msgspec.json.encode(document), admin=True)
        assert status == 200, body
        return msgspec.json.decode(body, type=VoicesStatus)

    async def json(self, path: str) -> Any:
        """The JSON at a path of the speech port."""
        status, body = await self.fetch(path)
        assert status == 200, body
        return msgspec.json.decode(body)

    async def processing(self) -> int:
        """How many slots are taken."""
        return sum(slot["is_processing"] for slot in await self.json("/slots"))

    async def metric(self, name: str) -> float:
        """A metric's value; `name` is what stands before the value, labels included."""
        _, body = await self.fetch("/metrics")
        lines = [line.rpartition(" ") for line in body.decode().splitlines() if not line.startswith("#")]
        return next((float(value) for head, _, value in lines if head == name), 0.0)

    async def fetch(
        self, path: str, method: str = "GET", body: bytes | None = None, admin: bool = False
    ) -> tuple[int, bytes]:
        """A plain HTTP request: (status, body)."""
        headers = {"Authorization": f"Bearer {self.admin_token}"} if admin else {}
        url = (self.admin_url if admin else self.url) + path
        request = urllib.request.Request(url, body, headers, method=method)
        return await asyncio.to_thread(answered, request)

    def children(self) -> Sequence[int]:
        """Process ids of its workers (Linux)."""
        tasks = Path(f"/proc/{self.pid}/task")
        return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]

    async def kill(self) -> None:
        """End it without a chance to say anything."""
        os.kill(self.pid, signal.SIGKILL)
        await self.stop()
