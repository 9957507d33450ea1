"""Who may connect: Host and Origin allow-lists, always on, loopback included.

Host keeps DNS rebinding out, Origin keeps other pages out of a browser that may reach the bridge.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
EXEMPT_FROM_HOST: Final = frozenset({"/healthz", "/metrics"})
"""Probes and scrapes come by a pod's address."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def host_name(netloc: str) -> str | None:
    """The name in `name:port` or `[v6]:port`, lower case; None where it is malformed."""
    try:
        parts = urlsplit(f"//{netloc}")
        _ = parts.port
    except ValueError:
        return None
    return parts.hostname if parts.path == "" and not parts.username else None


class Guard:
    """Decides on a request's Host and Origin."""

    def __init__(self, host: str, allow_host: Iterable[str], allow_origin: Iterable[str]) -> None:
        self._hosts = LOOPBACK | {name.lower() for name in allow_host}
        if host not in {"0.0.0.0", "::"}:  # noqa: S104 -- compared with, not bound to
            self._hosts |= {host.lower()}
        self._origins = frozenset(origin.rstrip("/").lower() for origin in allow_origin)

    def allows_host(self, host: str | None) -> bool:
        """Whether the bridge answers to this Host header."""
        return host is not None and host_name(host) in self._hosts

    def allows_origin(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this Origin may talk to the bridge; no Origin: not a browser's page."""
        if origin is None or self.names(origin):
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in {"http", "https"} and host is not None and parts.netloc.lower() == host.lower()

    def names(self, origin: str) -> bool:
        """Whether an Origin was named as that of another page that may embed the player."""
        return origin.lower() in self._origins

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse with 403 and a line that says which header."""
        host = request.headers.get("Host")
        if request.path not in EXEMPT_FROM_HOST and not self.allows_host(host):
            raise web.HTTPForbidden(text="Host is not allowed; see --allow-host\n")
        if not self.allows_origin(request.headers.get("Origin"), host):
            raise web.HTTPForbidden(text="Origin is not allowed; see --allow-origin\n")
        return await handler(request)
