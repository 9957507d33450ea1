"""What every connection shares, and how one is refused."""

from dataclasses import dataclass

from timbre_bridge.dispatcher import Dispatcher
from timbre_bridge.listeners.hub import Hub
from timbre_bridge.metrics import Metrics
from timbre_bridge.settings import Settings
from timbre_common.errors import Unauthorized
from timbre_common.protocol import CloseCode
from timbre_common.tokens import OPEN, Grant, Verifier


class Refused(Exception):
    """Close the connection with this code."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Context:
    """What every listener shares."""

    settings: Settings
    hub: Hub
    dispatcher: Dispatcher
    metrics: Metrics
    verifier: Verifier | None
    """None: no token is demanded."""
    server: str

    def grant(self, token: str | None) -> Grant:
        """What the bearer of `token` may do. Raises Refused."""
        if self.verifier is None:
            return OPEN
        if not token:
            raise Refused(CloseCode.UNAUTHORIZED, "a token is needed")
        try:
            return self.verifier.verify(token)
        except Unauthorized as error:
            raise Refused(CloseCode.UNAUTHORIZED, str(error)) from error
