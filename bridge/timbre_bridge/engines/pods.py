"""The addresses behind an engine's URL: a headless Service has one a pod, and each pod has its own queue and voices."""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

_TIMEOUT: Final = 2.0


def by_load(urls: Iterable[str], running: Counter[str]) -> list[str]:
    """Those with the fewest of the bridge's own utterances first."""
    return sorted(urls, key=lambda url: running[url])


class Pods:
    """Follows one engine's name."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._known: list[str] = []
        self.running: Counter[str] = Counter()
        """Utterances under way, by URL."""

    async def choose(self) -> list[str]:
        """URLs in the order to try them; none where the name leads nowhere."""
        return by_load(self._known or await self.resolve(), self.running)

    async def resolve(self) -> list[str]:
        """Ask for the name's addresses again. What was known stays known while names cannot be asked for."""
        parts = urlsplit(self._url)
        if parts.scheme != "http":  # a certificate is for the name, so an address would not do
            self._known = [self._url]
            return self._known
        try:
            async with asyncio.timeout(_TIMEOUT):
                found = await asyncio.get_running_loop().getaddrinfo(
                    parts.hostname, parts.port or 80, type=socket.SOCK_STREAM
                )
        except socket.gaierror as error:
            if error.errno != socket.EAI_AGAIN:
                self._known = []
        except TimeoutError:
            pass
        else:
            urls = [_with_address(str(at[0]), str(at[1]), parts.path) for *_, at in found]
            if set(urls) != set(self._known):
                random.shuffle(urls)  # each bridge has another favourite
                self._known = urls
        return self._known


def _with_address(address: str, port: str, path: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"http://{host}:{port}{path}"
