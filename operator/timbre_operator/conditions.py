"""metav1 conditions, as pure data."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from timbre_operator.kube import Object

_MAX_MESSAGE: Final = 1024


@dataclass(frozen=True)
class Condition:
    """One condition as it is found. The time of its last transition is added by `written`."""

    type: str
    status: bool
    reason: StrEnum
    message: str = ""


def written(found: list[Condition], before: list[Object], generation: int, now: datetime) -> list[Object]:
    """The conditions as the status has them: a time moves only where the status changes."""
    known = {each["type"]: each for each in before}
    return [_written(each, known.get(each.type), generation, now) for each in found]


def _written(found: Condition, before: Object | None, generation: int, now: datetime) -> Object:
    status = "True" if found.status else "False"
    kept = before is not None and before["status"] == status
    return {
        "type": found.type,
        "status": status,
        "reason": found.reason.value,
        "message": found.message[:_MAX_MESSAGE],
        "observedGeneration": generation,
        "lastTransitionTime": before["lastTransitionTime"] if before and kept else timestamp(now),
    }


def timestamp(moment: datetime) -> str:
    """RFC 3339 with seconds, as the API writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def same(live: Object, status: Object) -> bool:
    """Whether a live status has these fields with these values already, conditions by their type."""
    for key, value in status.items():
        if key == "conditions":
            known = {each["type"]: each for each in live.get(key, [])}
            if any(known.get(each["type"]) != each for each in value):
                return False
        elif live.get(key) != value:
            return False
    return True
