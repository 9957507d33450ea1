"""Kubernetes Events about Timbre's resources: bounded, and the same one is counted and not written again and again."""

import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from timbre_common.errors import TimbreError
from timbre_operator.conditions import timestamp
from timbre_operator.kube import FIELD_MANAGER, Kube, Object
from timbre_operator.kube.resource import EVENTS

_log = logging.getLogger(__name__)

_AGAIN: Final = timedelta(minutes=10)
"""How long an event that was written is only counted."""
_KNOWN: Final = 4096
"""Events that are remembered; the oldest is forgotten first, and would be written anew."""
_MAX_MESSAGE: Final = 1024
_MAX_NAME: Final = 253


class EventType(StrEnum):
    """Whether somebody has to look."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass
class _Known:
    first: datetime
    written: datetime
    count: int


class Events:
    """Writes events; one about the same object with the same words every ten minutes at most."""

    def __init__(self, kube: Kube, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._kube = kube
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def tell(self, about: Object, type_: EventType, reason: StrEnum, message: str) -> None:
        """Write an event about an object as the API has it. What fails is logged: events are a courtesy."""
        now = self._clock()
        name = _name(about, type_, reason, message)
        known = self._known.setdefault(name, _Known(now, now - _AGAIN, 0))
        self._known.move_to_end(name)
        if len(self._known) > _KNOWN:
            self._known.popitem(last=False)
        known.count += 1
        if now - known.written < _AGAIN:
            return
        try:
            await self._kube.apply(EVENTS, _event(about, name, type_, reason, message, known, now))
        except TimbreError as error:
            _log.warning("event %s about %s was not written: %s", reason, about["metadata"]["name"], error)
            return
        known.written = now


def _name(about: Object, type_: EventType, reason: str, message: str) -> str:
    """The same for the same words about the same object, so that replicas of the operator count one event."""
    words = "\0".join((about["metadata"]["uid"], type_, reason, message))
    ending = f".{hashlib.sha256(words.encode()).hexdigest()[:16]}"
    name: str = about["metadata"]["name"]
    return name[: _MAX_NAME - len(ending)].rstrip("-.") + ending


def _event(
    about: Object, name: str, type_: EventType, reason: StrEnum, message: str, known: _Known, now: datetime
) -> Object:
    metadata = about["metadata"]
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "type": type_.value,
        "reason": reason.value,
        "message": message[:_MAX_MESSAGE],
        "source": {"component": FIELD_MANAGER},
        "firstTimestamp": timestamp(known.first),
        "lastTimestamp": timestamp(now),
        "count": known.count,
    }
