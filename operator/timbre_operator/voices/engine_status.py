"""What a SpeechEngine's status says of its voices, as a pure function of what pods list."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from timbre_common.documents import Voice, VoicesDocument
from timbre_operator import conditions
from timbre_operator.conditions import Condition
from timbre_operator.kube import Object
from timbre_operator.voices.profile_status import Seen, Verdict, ready
from timbre_operator.voices.reasons import VoiceReason

MANAGER: Final = "timbre-operator-voices"
"""Field manager of this part of the status; the other part has its own."""
VOICES_READY: Final = "VoicesReady"
_MOST_PODS: Final = 32
_MAX_REASON: Final = 512


def status(engine: Object, document: VoicesDocument, seen: Seen, now: datetime) -> Object:
    """The part of the status that tells of voices. engine: the SpeechEngine as the API has it."""
    speaking = [voice for voice in document.voices if ready(voice, seen).holds]
    verdict = _voices_ready(document.voices, len(speaking), seen)
    found = Condition(VOICES_READY, verdict.holds, verdict.reason, verdict.message)
    generation = engine["metadata"]["generation"]
    before = engine.get("status", {}).get("conditions", [])
    return {
        "conditions": conditions.written([found], before, generation, now),
        "voices": f"{len(speaking)}/{len(document.voices)}",
        "voicesGeneration": document.generation,
        "pods": _pods(document.voices, seen),
    }


def _voices_ready(voices: Sequence[Voice], speaking: int, seen: Seen) -> Verdict:
    if seen.blocked is not None:
        return seen.blocked
    if speaking == len(voices) and (seen.ready or not voices):
        return Verdict(True, VoiceReason.LOADED, f"{speaking} voices")
    silent = next(voice for voice in voices if not ready(voice, seen).holds)
    why = ready(silent, seen)
    return Verdict(False, why.reason, f"{speaking} of {len(voices)} voices; {silent.name}: {why.message}")


def _pods(voices: Sequence[Voice], seen: Seen) -> list[Object]:
    return [
        {
            "name": pod.name,
            "ready": pod.ready,
            "generation": -1 if pod.status is None else pod.status.generation,
            "voices": f"{sum(map(pod.speaks, voices))}/{len(voices)}",
            "reason": pod.reason[:_MAX_REASON],
        }
        for pod in seen.pods[:_MOST_PODS]
    ]
