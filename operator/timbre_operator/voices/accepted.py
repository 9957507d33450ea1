"""Which of a namespace's VoiceProfiles an engine speaks, and why not the others: pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from timbre_common.errors import InvalidInput
from timbre_common.names import API_VERSION, DEFAULT_ENGINE
from timbre_common.voiceprofile import VoiceProfile
from timbre_operator.kube import Object
from timbre_operator.resources import stored
from timbre_operator.voices.reasons import VoiceReason


@dataclass(frozen=True)
class Judged:
    """A VoiceProfile as the API has it, what was read of it, and whether it is among its engine's voices."""

    obj: Object
    profile: VoiceProfile | None
    """None where its spec is not understood."""
    reason: VoiceReason = VoiceReason.ACCEPTED
    message: str = ""

    @property
    def accepted(self) -> bool:
        """Whether its engine shall speak it."""
        return self.reason is VoiceReason.ACCEPTED

    @property
    def engine(self) -> str:
        """The SpeechEngine that it names."""
        reference = self.obj.get("spec", {}).get("engineRef", {})
        return str(reference.get("name", DEFAULT_ENGINE))


def judge(profiles: Iterable[Object], engines: Iterable[str]) -> list[Judged]:
    """All profiles of one namespace, oldest first. engines: the SpeechEngines that there are.

    An agent belongs to the oldest profile that is neither suspended nor invalid, whether its engine is there or not.
    """
    known, owners = set(engines), dict[str, str]()
    return [_judge(obj, known, owners) for obj in sorted(filter(_stays, profiles), key=_age)]


def _judge(obj: Object, engines: set[str], owners: dict[str, str]) -> Judged:
    try:
        # A list's items have no kind of their own.
        profile = stored.convert({"apiVersion": API_VERSION, "kind": "VoiceProfile", **obj}, VoiceProfile)
    except InvalidInput as error:
        return Judged(obj, None, VoiceReason.INVALID, str(error))
    if profile.spec.suspend:
        return Judged(obj, profile, VoiceReason.SUSPENDED, "spec.suspend is true")
    owner = owners.setdefault(profile.spec.agent_id, profile.metadata.name)
    if owner != profile.metadata.name:
        message = f"the older VoiceProfile {owner} speaks for the agent {profile.spec.agent_id}"
        return Judged(obj, profile, VoiceReason.AGENT_TAKEN, message)
    engine = profile.spec.engine_ref.name
    if engine not in engines:
        return Judged(
            obj, profile, VoiceReason.ENGINE_NOT_FOUND, f"there is no SpeechEngine {engine} in this namespace"
        )
    return Judged(obj, profile)


def _stays(obj: Object) -> bool:
    return not obj["metadata"].get("deletionTimestamp")


def _age(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("creationTimestamp", ""), obj["metadata"]["name"]
