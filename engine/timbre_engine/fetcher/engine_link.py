"""The engine behind the fetcher: its administration, asked and told over loopback."""

import asyncio
from typing import Final

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout

from timbre_common import decoding
from timbre_common.documents import VoicesDocument, VoicesStatus
from timbre_common.errors import EngineUnavailable, InvalidInput
from timbre_engine.admin_tokens import AdminTokens

_WITHIN_S: Final = 10.0
_PATH: Final = "/admin/voices"


class EngineLink:
    """One engine's administration."""

    def __init__(self, url: str, tokens: AdminTokens) -> None:
        self._url = url.rstrip("/") + _PATH
        self._tokens = tokens
        self._session = ClientSession(timeout=ClientTimeout(total=_WITHIN_S), trust_env=False)

    async def close(self) -> None:
        """Close the connection."""
        await self._session.close()

    async def get(self) -> VoicesStatus:
        """What became of its voices. Raises EngineUnavailable."""
        return await self._ask("GET", None)

    async def put(self, document: VoicesDocument) -> VoicesStatus:
        """Give it a document, and do not wait for its voices. Raises EngineUnavailable."""
        return await self._ask("PUT", msgspec.json.encode(document))

    async def _ask(self, method: str, body: bytes | None) -> VoicesStatus:
        headers = {"Authorization": f"Bearer {self._tokens.newest()}"}
        try:
            async with self._session.request(
                method, self._url, params={"wait": "0"}, data=body, headers=headers, allow_redirects=False
            ) as answer:
                content = await answer.read()
                if answer.status != 200:
                    raise EngineUnavailable(f"the engine's administration answers {answer.status}")
                return await asyncio.to_thread(decoding.from_json, content, VoicesStatus)
        except (ClientError, OSError, TimeoutError) as error:
            raise EngineUnavailable("the engine's administration does not answer") from error
        except InvalidInput as error:
            raise EngineUnavailable(f"the engine's administration answers what is no list: {error}") from error
