"""What an engine's objects depend on beside its SpeechEngine."""

from dataclasses import dataclass
from enum import Enum, auto


class Scaler(Enum):
    """What changes the number of replicas, where a SpeechEngine asks for autoscaling."""

    CPU = auto()
    """A HorizontalPodAutoscaler on the CPU."""
    KEDA = auto()
    """A ScaledObject on waiting requests."""


@dataclass(frozen=True)
class Platform:
    """The cluster and the operator's settings.

    image: of the engine. scaler: see Scaler. prometheus: the address that KEDA asks; "" where it is not asked.
    single_pod_volume: whether a volume is for one pod at a time, so that a new pod waits for the old one's end.
    """

    image: str
    scaler: Scaler = Scaler.CPU
    prometheus: str = ""
    single_pod_volume: bool = False
