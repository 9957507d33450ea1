"""The guarded client: the one way out of the pod, over which every source is asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from yarl import URL

from timbre_common.errors import FetchFailed, TimedOut
from timbre_engine.fetcher import answers
from timbre_engine.fetcher.resolver import GuardedResolver
from timbre_engine.fetcher.rules import Origin, Rules

_REDIRECTS: Final = 5
_CONNECT_S: Final = 10.0
_CONNECTIONS: Final = 64
_BLOCK: Final = 256 << 10


class Client:
    """Asks allowed hosts alone, follows redirects under the same rules, and reads in bounded pieces.

    No proxy, cookie or netrc of the environment is used, and nothing is decompressed.
    """

    def __init__(self, rules: Rules, stall: float, authority: Callable[[Origin], Path | None]) -> None:
        """stall: seconds that a source may be silent. authority: certificates that a host's own may be signed by,
        beside those that the system trusts.
        """
        self._rules = rules
        self._authority = authority
        self._stall = stall
        self._session = ClientSession(
            connector=TCPConnector(
                resolver=GuardedResolver(rules), use_dns_cache=False, limit=_CONNECTIONS, force_close=True
            ),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=stall),
            headers={"User-Agent": "timbre-fetcher", "Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    def check(self, url: str) -> Origin:
        """Whom a URL asks. Raises HostRefused."""
        return self._rules.check(url)

    @asynccontextmanager
    async def get(
        self,
        url: str,
        secret: Mapping[str, str] | None = None,
        *,
        accept: str = "*/*",
        statuses: tuple[int, ...] = (200,),
    ) -> AsyncIterator[ClientResponse]:
        """The answer to a GET, redirects followed, its status one of `statuses`.

        secret: headers that only the host of `url` gets.
        Raises HostRefused, FetchFailed, TimedOut, and what `answers.refusal` tells.
        """
        first = origin = self._rules.check(url)
        own = True
        for _ in range(_REDIRECTS + 1):
            answer = await self._send(origin, url, {"Accept": accept, **(secret or {} if own else {})})
            try:
                if answer.status in statuses:
                    yield answer
                    return
                if answer.status not in answers.REDIRECTS:
                    raise answers.refusal(answer.status, str(origin), answer.headers)
                url = self._rules.redirected(origin, url, answer.headers.get("Location", ""))
            finally:
                answer.close()
            origin = self._rules.check(url)
            own = own and origin == first
        raise FetchFailed(f"{first} redirects more than {_REDIRECTS} times")

    async def _send(self, origin: Origin, url: str, headers: dict[str, str]) -> ClientResponse:
        authority = self._authority(origin)
        with _told(str(origin), self._stall):
            trusted = True if authority is None else await _trust(authority)
            return await self._session.get(URL(url, encoded=True), headers=headers, allow_redirects=False, ssl=trusted)

    async def pieces(self, answer: ClientResponse, most: int) -> AsyncIterator[bytes]:
        """An answer's content. Raises TooLarge over `most` bytes, FetchFailed or TimedOut where it breaks off."""
        host = str(answer.url.host)
        announced = answers.length(answer.headers, host, most)
        taken = 0
        content = answer.content.iter_chunked(_BLOCK)
        while True:
            with _told(host, self._stall):
                piece = await anext(content, b"")
            if not piece:
                break
            taken += len(piece)
            answers.refuse_over(taken, most)
            yield piece
        if announced is not None and taken != announced:
            raise FetchFailed(f"{host} announced {announced} bytes and sent {taken}")


@contextmanager
def _told(host: str, stall: float) -> Iterator[None]:
    """aiohttp's errors and the network's as ours; none of them tells the URL, which may be signed."""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut(f"{host} was silent for {stall:g} s, or could not be connected to") from error
    except ClientConnectorCertificateError as error:
        reason = str(error.certificate_error)
        raise FetchFailed(f"{host} has a certificate that is not trusted: {reason}") from error
    except ClientPayloadError as error:
        raise FetchFailed(f"{host} broke off") from error
    except (ClientError, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise FetchFailed(f"{host} cannot be asked: {reason}") from error


async def _trust(authority: Path) -> ssl.SSLContext:
    def load() -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.load_verify_locations(authority)
        return context

    return await asyncio.to_thread(load)
