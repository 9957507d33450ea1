"""Keeps the engine's voices what they shall be: pushed until the engine took them, watched until each is settled."""

from typing import Protocol

from timbre_common.documents import VoicesDocument, VoicesStatus, VoiceState
from timbre_common.errors import EngineUnavailable, InvalidInput


class Port(Protocol):
    """The engine's administration."""

    def put(self, document: VoicesDocument) -> VoicesStatus:
        """Raises EngineUnavailable, InvalidInput."""

    def get(self) -> VoicesStatus:
        """Raises EngineUnavailable, InvalidInput."""


class Loading:
    """The desired voices, and how far the engine is."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._document: VoicesDocument | None = None
        self._taken = False
        self.settled = False
        """Whether the engine has tried every voice."""
        self._told: set[tuple[str, str]] = set()

    def want(self, document: VoicesDocument) -> None:
        """These voices, from now on."""
        self._document = document
        self.restart()

    @property
    def failed(self) -> frozenset[str]:
        """Names of the voices that the engine cannot speak with."""
        return frozenset(name for name, _ in self._told)

    def restart(self) -> None:
        """The engine has begun anew, and holds nothing."""
        self._taken = self.settled = False

    def step(self) -> list[str]:
        """Do what there is to do; an engine that is away is asked again next time. Lines for a person come back."""
        if self.settled or self._document is None:
            return []
        try:
            status = self._port.get() if self._taken else self._port.put(self._document)
        except EngineUnavailable:
            return []
        except InvalidInput as error:
            self.settled = True
            return [str(error)]
        self._taken = True
        states = [status.voices.get(voice.name) for voice in self._document.voices]
        self.settled = all(state is not None and state.state is not VoiceState.LOADING for state in states)
        return self._failures(status)

    def _failures(self, status: VoicesStatus) -> list[str]:
        failed = {(name, voice.reason) for name, voice in status.voices.items() if voice.state is VoiceState.FAILED}
        fresh, self._told = failed - self._told, failed
        return [f"the engine cannot speak as {name}: {reason or 'no reason given'}" for name, reason in sorted(fresh)]
