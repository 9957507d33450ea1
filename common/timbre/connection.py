"""The WebSocket to a bridge: how it is opened, and foreign exceptions as our own."""

import ssl

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    NegotiationError,
    WebSocketException,
)
from websockets.typing import Subprotocol

from timbre import address as addresses
from timbre.address import Address
from timbre.errors import BridgeUnavailable, of_close, of_refusal
from timbre_common.errors import SetupError, TimbreError
from timbre_common.names import SUBPROTOCOL

OPEN_TIMEOUT = 10.0
"""Seconds for TCP, TLS and the handshake together."""
CLOSE_TIMEOUT = 1.0
"""Seconds for the closing handshake; then the connection is cut."""


class BrokenOff(BridgeUnavailable):
    """The connection ended; opening a new one can help."""


async def dial(address: Address, ca: str | None) -> ClientConnection:
    """An open WebSocket that speaks `timbre.v1`.

    Raises BridgeUnavailable, Unauthorized, Forbidden, or SetupError where what answers is no bridge.
    """
    try:
        connection = await connect(
            address.url,
            ssl=addresses.tls(address, ca),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            open_timeout=OPEN_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            # An agent's proxy settings are for the web, not for a machine of its own network.
            proxy=None,
            max_size=1 << 20,
        )
    except (OSError, WebSocketException) as error:
        raise of_open(error, address) from error
    if connection.subprotocol != SUBPROTOCOL:
        await connection.close()
        raise SetupError(f"{address.shown} answers, but does not speak {SUBPROTOCOL}: is it a Timbre bridge?")
    return connection


def of_open(error: Exception, address: Address) -> TimbreError:
    """Why a connection could not be opened."""
    match error:
        case InvalidStatus():
            body = error.response.body or b""
            return of_refusal(error.response.status_code, body[:200].decode(errors="replace").strip())
        case ssl.SSLCertVerificationError():
            return SetupError(
                f"{address.shown}: the certificate is not trusted ({error.verify_message}); "
                "give the CA file that `timbre run` names: --ca or TIMBRE_CA"
            )
        case TimeoutError():
            return BridgeUnavailable(f"no bridge answers at {address.shown} within {OPEN_TIMEOUT:.0f} s")
        case NegotiationError():
            return SetupError(f"{address.shown} answers, but does not speak {SUBPROTOCOL}: is it a Timbre bridge?")
        case InvalidHandshake():
            return BridgeUnavailable(
                f"{address.shown} answers, but not as a WebSocket server: is it the bridge, and http or https as it is?"
            )
        case OSError():
            return BridgeUnavailable(
                f"no bridge answers at {address.shown} ({error.strerror or error}): is `timbre run` up?"
            )
        case _:
            return BridgeUnavailable(f"no connection to {address.shown}: {error}")


def of_end(error: ConnectionClosed) -> TimbreError:
    """Why an open connection ended: a permanent error, or BrokenOff."""
    code, reason = (None, "") if error.rcvd is None else (error.rcvd.code, error.rcvd.reason)
    return of_close(code, reason) or BrokenOff(
        "the connection was cut" if code is None else f"the bridge closed the connection ({code} {reason})".rstrip()
    )
