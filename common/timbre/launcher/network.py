"""This machine's network: what is loopback, which ports are free, and by which addresses others reach it."""

import errno
import fcntl
import ipaddress
import socket
import struct
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from timbre_common.errors import SetupError

ANY: Final = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 -- compared with, not bound to
_SIOCGIFADDR: Final = 0x8915


def require_free(host: str, port: int, what: str, option: str) -> None:
    """Raises SetupError, in one line that names the option, where `port` cannot be listened on."""
    if not 0 < port < 65536:
        raise SetupError(f"{option} {port}: a port from 1 to 65535 is right")
    try:
        family, _, _, _, address = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM)[0]  # noqa: S104
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            # As servers do: a connection that lingers after a restart is no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SetupError(
                f"port {port} ({what}) is in use: stop what uses it, or choose another by {option}"
            ) from None
        raise SetupError(f"{what} cannot listen on {host} port {port}: {error.strerror or error}") from None


def primary_address() -> str | None:
    """The IPv4 address by which this machine reaches others; None without a network."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe, suppress(OSError):
        # A route is looked up; nothing is sent (the address is for documentation).
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])
    return next((address for address in addresses() if not ipaddress.ip_address(address).is_loopback), None)


def addresses() -> list[str]:
    """All addresses of this machine, loopback included, in a fixed order."""
    found = {"127.0.0.1", "::1"}
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        for _, name in socket.if_nameindex():
            with suppress(OSError):
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                found.add(socket.inet_ntoa(answer[20:24]))
    with suppress(OSError):
        found |= ipv6_addresses(Path("/proc/net/if_inet6").read_text())
    return sorted(found, key=lambda text: (":" in text, text))


def names() -> list[str]:
    """The names of this machine: its own, and the one that mDNS gives it."""
    own = socket.gethostname().lower()
    return list(dict.fromkeys([own, own if "." in own else f"{own}.local"]))


def ipv6_addresses(table: str) -> set[str]:
    """The addresses in Linux's `/proc/net/if_inet6`; link-local ones are left out, as links cannot hold them."""
    parsed = {ipaddress.IPv6Address(bytes.fromhex(line.split()[0])) for line in table.splitlines() if line.strip()}
    return {str(address) for address in parsed if not address.is_link_local}
