"""Which web pages may call the engine: browsers say where a page came from, and pages of strangers are refused."""

from collections.abc import Collection
from urllib.parse import urlsplit

from timbre_common.errors import Forbidden
from timbre_common.hosts import is_address, is_loopback


def check(origin: str | None, host: str, allowed: Collection[str]) -> None:
    """Raises Forbidden for a page that is neither of this machine, nor of this very server, nor in `allowed`.

    host: the request's Host header. A server's own pages count only where it is called by an IP address: a name may
    have been bent to this machine (DNS rebinding), so named servers are in `allowed`, as `https://speech.example`.
    """
    if origin is None or origin in allowed:
        return
    if not _is_own(origin, host):
        raise Forbidden("pages of this origin are not allowed; see --allow-origin")


def _is_own(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    name = parts.hostname or ""
    return is_loopback(name) or (parts.netloc == host and is_address(name))
