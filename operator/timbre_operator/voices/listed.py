"""What an engine's pods list, put together: pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from timbre_common.documents import Voice, VoicesDocument, VoicesStatus, VoiceState, VoiceStatus
from timbre_common.voice_codes import VoiceCode
from timbre_operator.kube import Object
from timbre_operator.pod_state import has_other_model, is_ready


@dataclass(frozen=True)
class PodList:
    """A pod, and what its administration told; `status` is None where it could not be asked. `reason`: of that, or of
    its not serving.
    """

    name: str
    address: str
    ready: bool
    status: VoicesStatus | None = None
    reason: str = ""

    def of(self, voice: Voice) -> VoiceStatus | None:
        """What it says of the voice as it is asked for; None where it says nothing, or of an older one."""
        found = None if self.status is None else self.status.voices.get(voice.name)
        return found if found is not None and found.digest == voice.digest else None

    def speaks(self, voice: Voice) -> bool:
        """Whether it lists the voice, as it is asked for, as one that it speaks."""
        found = self.of(voice)
        return found is not None and found.state is VoiceState.READY

    def behind(self, document: VoicesDocument) -> bool:
        """Whether it follows an older document, or lacks or keeps a voice."""
        if self.status is None or self.status.generation > document.generation:
            return False
        if self.status.generation < document.generation:
            return True
        return self._digests() != {voice.name: voice.digest for voice in document.voices}

    def newest(self, stored: VoicesDocument | None) -> int:
        """The generation that it would not take again; 0 where it could not be asked.

        That is its own, and the next one, too, where it follows other voices than those stored of the same generation.
        """
        if self.status is None:
            return 0
        if stored is None or self.status.generation != stored.generation:
            return self.status.generation
        others = self._digests().items() - {(voice.name, voice.digest) for voice in stored.voices}
        return self.status.generation + bool(others)

    def _digests(self) -> dict[str, str]:
        return {} if self.status is None else {name: each.digest for name, each in self.status.voices.items()}

    @property
    def failing(self) -> bool:
        """Whether it lists a voice that failed, and may be told to try again."""
        return self.status is not None and any(each.state is VoiceState.FAILED for each in self.status.voices.values())

    @property
    def settled(self) -> bool:
        """Whether no voice is on its way, nor a file of one that speaks without it."""
        return self.status is not None and all(
            each.state is not VoiceState.LOADING and each.code != VoiceCode.FETCHING
            for each in self.status.voices.values()
        )


def pods(objects: Sequence[Object], engine: Object) -> list[PodList]:
    """An engine's pods that stay, by name, unasked. One with another model than the engine names does not serve."""
    found = []
    for obj in objects:
        status, metadata = obj.get("status", {}), obj["metadata"]
        if metadata.get("deletionTimestamp") or status.get("phase") in ("Failed", "Succeeded"):
            continue
        address = status.get("podIP", "")
        reason = "" if address else "it has no address so far"
        if other := has_other_model(obj, engine):
            reason = "its model is another than the one that spec.model.digest names"
        found.append(PodList(metadata["name"], address, is_ready(obj) and not other, reason=reason))
    return sorted(found, key=lambda pod: pod.name)
