"""What is to be done with one object, as a pure function of what is there and what is wanted."""

from enum import Enum, auto

from timbre_operator import owned
from timbre_operator.kube import Object


class Action(Enum):
    """What is to be done."""

    NOTHING = auto()
    """It is as it should be."""
    APPLY = auto()
    """It is missing, was changed by another, or something else is wanted."""
    LEAVE = auto()
    """The name is taken by something that is not the SpeechEngine's."""
    WAIT = auto()
    """On its way out, and the SpeechEngine's or that of one before it: what is wanted comes when it has gone."""


def decide(live: Object | None, wanted: Object, owner: str) -> Action:
    """What to do so that `wanted` (stamped) is there. owner: the SpeechEngine's uid."""
    if live is None:
        return Action.APPLY
    if not belongs(live, owner):
        return Action.WAIT if _controllers(live) & _controllers(wanted) else Action.LEAVE
    if live["metadata"].get("deletionTimestamp"):
        return Action.WAIT
    return Action.NOTHING if owned.unchanged(live, wanted) else Action.APPLY


def belongs(live: Object, owner: str) -> bool:
    """Whether the SpeechEngine with that uid controls the object."""
    references = live["metadata"].get("ownerReferences", [])
    return any(reference["uid"] == owner and reference.get("controller") for reference in references)


def _controllers(obj: Object) -> set[tuple[str, str]]:
    """Kind and name of what controls it. With another uid that is gone, and garbage collection takes the object."""
    references = obj["metadata"].get("ownerReferences", [])
    return {(each["kind"], each["name"]) for each in references if each.get("controller")}


def keep_replicas(live: Object, wanted: Object, manager: str) -> int | None:
    """How many replicas another manager shall hold, so that leaving them to an autoscaler is no jump; None: none.

    A field that its only owner stops applying falls back to its default, which for a Deployment is 1.
    """
    if "replicas" in wanted["spec"] or owned.owners(live, "spec", "replicas") != {manager}:
        return None
    replicas: int = live["spec"]["replicas"]
    return replicas
