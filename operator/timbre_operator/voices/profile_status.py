"""A VoiceProfile's status, as a pure function of what was decided and what pods list."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from timbre_common.documents import Voice, VoiceState, VoiceStatus
from timbre_operator import conditions
from timbre_operator.conditions import Condition
from timbre_operator.kube import Object
from timbre_operator.voices.accepted import Judged
from timbre_operator.voices.listed import PodList
from timbre_operator.voices.reasons import CALM, OF_CODE, OF_SOURCE, VoiceReason

ACCEPTED: Final = "Accepted"
SOURCE_RESOLVED: Final = "SourceResolved"
ROUTED: Final = "Routed"
READY: Final = "Ready"


class Verdict(NamedTuple):
    """A condition's content."""

    holds: bool
    reason: VoiceReason
    message: str = ""


class Seen(NamedTuple):
    """What there is of an engine. blocked: why its voices cannot be told to pods, such as by a name's conflict."""

    wanted: int
    pods: Sequence[PodList]
    blocked: Verdict | None = None

    @property
    def ready(self) -> list[PodList]:
        """The pods that serve."""
        return [pod for pod in self.pods if pod.ready]


def status(judged: Judged, voice: Voice | None, seen: Seen, routed: Verdict, now: datetime) -> Object:
    """The status. voice: as the engine's document has it; None where the profile is not accepted. routed: whether the
    bridge is told all of it.
    """
    accepted = Verdict(judged.accepted, judged.reason, judged.message)
    if voice is None:
        resolved, ready_ = Verdict(False, accepted.reason, accepted.message), accepted._replace(holds=False)
    else:
        resolved, ready_ = source(voice, seen), ready(voice, seen)
    found = [
        Condition(type_, verdict.holds, verdict.reason, verdict.message)
        for type_, verdict in (
            (ACCEPTED, accepted),
            (SOURCE_RESOLVED, resolved),
            (ROUTED, routed),
            (READY, ready_),
        )
    ]
    generation = judged.obj["metadata"].get("generation", 0)
    before = judged.obj.get("status", {}).get("conditions", [])
    speaking = [] if voice is None else [pod for pod in seen.ready if pod.speaks(voice)]
    return {
        "observedGeneration": generation,
        "conditions": conditions.written(found, before, generation, now),
        "loadedDigest": voice.digest if voice is not None and speaking else "",
        "loaded": f"{len(speaking)}/{len(seen.ready)}",
    }


def amiss(said: Object) -> Object | None:
    """The condition of a status that somebody has to look at; of several the last, whose reason the others mostly
    share.
    """
    found = (each for each in reversed(said["conditions"]) if each["reason"] not in CALM)
    return next((each for each in found if each["status"] == "False"), None)


def ready(voice: Voice, seen: Seen) -> Verdict:
    """Whether every ready pod speaks it. What keeps it from one pod goes before what may yet pass by itself."""
    if seen.blocked is not None:
        return seen.blocked
    serving = seen.ready
    if seen.wanted == 0:
        return Verdict(False, VoiceReason.ENGINE_SCALED_TO_ZERO, "the engine has no pods: its replicas are 0")
    told = [(pod, pod.of(voice)) for pod in serving]
    for pod, found in told:
        if found is not None and found.state is VoiceState.FAILED:
            return Verdict(False, _reason(found), f"pod {pod.name}: {found.reason}")
    if not serving:
        return Verdict(False, VoiceReason.ENGINE_NOT_READY, _not_ready(voice, seen))
    for pod in serving:
        if pod.status is None:
            return Verdict(False, VoiceReason.POD_UNREACHABLE, f"pod {pod.name}: {pod.reason}")
    for pod, found in told:
        if found is None or found.state is not VoiceState.READY:
            reason = VoiceReason.LOADING if found is None else _reason(found)
            return Verdict(False, reason, f"pod {pod.name}: {found.reason if found and found.reason else 'loading'}")
    return Verdict(True, VoiceReason.LOADED, next((found.reason for _, found in told if found and found.reason), ""))


def source(voice: Voice, seen: Seen) -> Verdict:
    """Whether the voice's files are where engines read them, as far as pods tell, ready or not. A voice may speak
    without them, where its backend applies none.
    """
    if voice.adapter is None and voice.reference is None:
        return Verdict(True, VoiceReason.NOT_NEEDED)
    told = [(pod, found) for pod in seen.pods if (found := pod.of(voice)) is not None]
    for pod, found in told:
        if _reason(found) in OF_SOURCE:
            return Verdict(False, _reason(found), f"pod {pod.name}: {found.reason}")
    if any(found.state is not VoiceState.LOADING for _, found in told):
        return Verdict(True, VoiceReason.RESOLVED)
    if told:
        return Verdict(False, VoiceReason.LOADING, "pods look at it")
    nobody = VoiceReason.ENGINE_SCALED_TO_ZERO if seen.wanted == 0 else VoiceReason.ENGINE_NOT_READY
    return Verdict(False, nobody, "no pod has looked for it so far")


def _reason(found: VoiceStatus) -> VoiceReason:
    other = VoiceReason.LOADING if found.state is VoiceState.LOADING else VoiceReason.REFUSED
    reason = OF_CODE.get(found.code, other)
    # What waits for the engine is on its way, as far as the profile is concerned.
    return other if reason is VoiceReason.ENGINE_NOT_READY else reason


def _not_ready(voice: Voice, seen: Seen) -> str:
    """What pods that are not ready say of the voice."""
    for pod in seen.pods:
        found = pod.of(voice)
        if found is not None and found.reason:
            return f"no pod is ready; pod {pod.name}: {found.reason}"
    return "no pod of the engine is ready"
