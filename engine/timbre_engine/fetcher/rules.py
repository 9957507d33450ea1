"""Which URLs may be asked for files. Pure."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit

from timbre_common.errors import HostRefused, InvalidInput
from timbre_common.hosts import is_address
from timbre_engine.fetcher.addresses import is_public

_PORTS: Final = {"https": 443, "http": 80}
_NAME: Final = r"[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?"
_ENTRY: Final = re.compile(rf"(?P<name>(\*\.)?{_NAME}|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{{1,5}}))?")
_MOST_URL: Final = 8192


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a URL asks."""

    scheme: str
    host: str
    """A name in lower case, or an address without brackets."""
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may be asked. Patterns are (name, port): `*.` is everything below a name, None the scheme's own port."""

    allowed: frozenset[tuple[str, int | None]]
    insecure: frozenset[tuple[str, int | None]] = frozenset()
    allow_private: bool = False

    def check(self, url: str) -> Origin:
        """Whom a URL asks, where that is allowed. Raises HostRefused."""
        origin = _origin(url)
        if origin.scheme == "http" and not _matches(origin, self.insecure):
            raise HostRefused(f"{origin} may be asked over https only")
        if not _matches(origin, self.allowed):
            raise HostRefused(f"{origin} is not among the hosts that files may be fetched from")
        if is_address(origin.host):
            self.check_address(origin.host, origin.host)
        return origin

    def check_address(self, host: str, address: str) -> None:
        """Raises HostRefused where the address that a host has may not be connected to."""
        if not self.allow_private and not is_public(address):
            raise HostRefused(f"{host} has an address that is not public, and private ones are not allowed")

    def scheme_of(self, host: str) -> str:
        """How a host (`name` or `name:port`) without a scheme is asked: http where that is allowed by name."""
        return "http" if _matches(_origin(f"http://{host}/"), self.insecure) else "https"

    def redirected(self, before: Origin, url: str, location: str) -> str:
        """The URL that a redirect leads to; `check` it like any other. Raises HostRefused where it gives up HTTPS."""
        try:
            target = urljoin(url, location)
        except ValueError as error:
            raise HostRefused(f"{before} redirects to what is no URL") from error
        if before.scheme == "https" and _origin(target).scheme != "https":
            raise HostRefused(f"{before} redirects away from https")
        return target


def patterns(text: str, field: str) -> frozenset[tuple[str, int | None]]:
    """The hosts of a setting, with commas between them. Raises InvalidInput that names `field`."""
    found = set()
    for entry in filter(None, (part.strip().lower() for part in text.split(","))):
        match = _ENTRY.fullmatch(entry)
        if match is None or int(match["port"] or 1) not in range(1, 65536):
            raise InvalidInput(f"host, host:port or *.domain is right, not {entry[:64]!r}", field)
        found.add((match["name"].strip("[]"), int(match["port"]) if match["port"] else None))
    return frozenset(found)


def _origin(url: str) -> Origin:
    if len(url) > _MOST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise HostRefused("a URL of plain characters is right")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise HostRefused("what was named is no URL") from error
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _PORTS or not host or "%" in host or port == 0:
        raise HostRefused("a URL of https and a host is right")
    if parts.username is not None or parts.password is not None:
        raise HostRefused("credentials are not taken from a URL: they come from the host's Secret")
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def _matches(origin: Origin, allowed: frozenset[tuple[str, int | None]]) -> bool:
    return any(
        (port or _PORTS[origin.scheme]) == origin.port
        and (origin.host.endswith(name[1:]) if name.startswith("*.") else origin.host == name)
        for name, port in allowed
    )
