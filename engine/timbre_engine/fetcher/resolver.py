"""Names to addresses, which are looked at before anything is connected to them.

aiohttp connects to exactly the addresses that its resolver gives, so a name cannot mean another one by then.
"""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

from timbre_common.errors import FetchFailed, TimedOut
from timbre_engine.fetcher.rules import Rules

_WITHIN_S: Final = 10.0
_THREADS: Final = 16
"""Names that are asked for at the same time. Threads of their own, since one that hangs must not hold up the disk."""


class GuardedResolver(AbstractResolver):
    """Refuses a name that has any address which may not be connected to."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._threads = ThreadPoolExecutor(_THREADS, "names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses. Raises HostRefused, FetchFailed, TimedOut."""
        try:
            async with asyncio.timeout(_WITHIN_S):
                found = await asyncio.get_running_loop().run_in_executor(
                    self._threads, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
                )
        except TimeoutError as error:
            raise TimedOut(f"the name {host} was not answered within {_WITHIN_S:.0f} s") from error
        except (OSError, UnicodeError) as error:
            raise FetchFailed(f"the name {host} leads nowhere: {error}") from error
        for *_, address in found:
            self._rules.check_address(host, str(address[0]))
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Ask for nothing more; what hangs is left to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
