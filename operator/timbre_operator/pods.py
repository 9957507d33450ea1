"""The client of the pods' administration: which voices a pod shall hold, and what became of them."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from timbre_common import decoding
from timbre_common.documents import VoicesDocument, VoicesStatus
from timbre_common.errors import EngineUnavailable, InvalidInput, TimbreError, TooLarge, Unauthorized
from timbre_common.names import FETCHER_PORT

MAX_ANSWER: Final = 16 << 20
"""Bytes: 10,000 voices with a reason each are under 8 MiB."""
_BLOCK: Final = 64 << 10
_MAX_MESSAGE: Final = 200


def fetcher_url(address: str) -> str:
    """Where the administration of the pod at an IP address is."""
    host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    return f"http://{host}:{FETCHER_PORT}"


class Pods:
    """Asks pods. Requests: at most `most` at once over all engines, each at most `seconds` long, none redirected."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        seconds: float = 10.0,
        most: int = 16,
        max_answer: int = MAX_ANSWER,
        url: Callable[[str], str] = fetcher_url,
    ) -> None:
        self._session = session
        self._seconds = seconds
        self._places = asyncio.Semaphore(most)
        self._max_answer = max_answer
        self._url = url

    async def ask(self, address: str, tokens: Sequence[str]) -> VoicesStatus:
        """What became of each voice. Raises as `tell`."""
        return await self._try(address, tokens, "GET", None)

    async def tell(self, address: str, tokens: Sequence[str], document: VoicesDocument) -> VoicesStatus:
        """Which voices the pod shall hold; what became of each within about two seconds.

        tokens: tried in order, for a pod learns of a new one a while later. Raises Unauthorized where it takes none of
        them, InvalidInput where it refuses the document, TooLarge for an answer over the bound, else EngineUnavailable.
        """
        return await self._try(address, tokens, "PUT", msgspec.json.encode(document))

    async def _try(self, address: str, tokens: Sequence[str], method: str, body: bytes | None) -> VoicesStatus:
        refused = Unauthorized("there is no token for the pod's administration so far")
        for token in tokens:
            try:
                return await self._request(address, token, method, body)
            except Unauthorized as error:
                refused = error
        raise refused

    async def _request(self, address: str, token: str, method: str, body: bytes | None) -> VoicesStatus:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            async with (
                self._places,
                asyncio.timeout(self._seconds),
                self._session.request(
                    method, f"{self._url(address)}/admin/voices", data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                content = await self._read(response)
        except TimeoutError as error:
            raise EngineUnavailable(f"its administration does not answer within {self._seconds:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise EngineUnavailable(f"its administration cannot be asked: {error}"[:_MAX_MESSAGE]) from error
        if response.status != HTTPStatus.OK:
            raise _refusal(response.status, content)
        try:
            return decoding.from_json(content, VoicesStatus)
        except InvalidInput as error:
            raise EngineUnavailable(f"its administration's answer is not understood: {error}"[:_MAX_MESSAGE]) from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        content = bytearray()
        async for block in response.content.iter_chunked(_BLOCK):
            content += block
            if len(content) > self._max_answer:
                raise TooLarge(f"its administration's answer is over {self._max_answer} bytes")
        return bytes(content)


@asynccontextmanager
async def opened() -> AsyncIterator[Pods]:
    """A client whose connections end with the context."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        yield Pods(session)


def _refusal(status: int, content: bytes) -> TimbreError:
    message = f"its administration answers {status}: {content[:_MAX_MESSAGE].decode(errors='replace')}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return Unauthorized("its administration takes none of the tokens")
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY):
        return InvalidInput(message)
    return EngineUnavailable(message)
