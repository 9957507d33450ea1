"""Addresses: what a person types or scans, as the WebSocket's URL, TLS context, and text fit for a log."""

import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from timbre_common.errors import InvalidInput, SetupError
from timbre_common.names import BRIDGE_PORT

DEFAULT_URL: Final = f"http://127.0.0.1:{BRIDGE_PORT}"

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


@dataclass(frozen=True)
class Address:
    """Where a bridge answers, and the token that came with it, if any."""

    url: str
    """`ws://…/ws` or `wss://…/ws`."""
    token: str | None = None

    @property
    def secure(self) -> bool:
        """Whether it is reached over TLS."""
        return self.url.startswith("wss:")

    @property
    def shown(self) -> str:
        """The address as a person knows it, without the token."""
        return self.url.replace("ws", "http", 1).removesuffix("/ws")


def parse(url: str) -> Address:
    """An address such as `https://host:8760`, or the link with `#token=…` that `timbre run` prints.

    Raises InvalidInput.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"not an address: {error}", "url") from error
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not host:
        raise InvalidInput(f"an address such as {DEFAULT_URL} is right", "url")
    if parts.username or parts.password:
        raise InvalidInput("a token is given apart, not as a user name in the address", "url")
    token = parse_qs(parts.fragment).get("token", [None])[0]
    path = parts.path.rstrip("/").removesuffix("/ws")
    return Address(urlunsplit((scheme, parts.netloc, f"{path}/ws", "", "")), token)


def tls(address: Address, ca: str | None) -> ssl.SSLContext | None:
    """The TLS context that trusts `ca` (a PEM file), or the system's authorities; None for plain HTTP.

    Raises SetupError.
    """
    if not address.secure:
        return None
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        raise SetupError(f"the CA file {ca} cannot be read: {error}") from error


def without_password(url: str) -> str:
    """A Redis URL as it may be shown: user name, password and query left out."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the Redis URL"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
