"""What a SpeechEngine says of its pods in Kubernetes' own words, taken over into the pod template."""

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from timbre_common.sources import Part

DnsName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
LabelValue = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")]
Quantity = Annotated[str, msgspec.Meta(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$", max_length=32)]
Text = Annotated[str, msgspec.Meta(max_length=4096)]
Json = dict[str, Any]
"""An object of Kubernetes' own, which the API server checks where it lands."""

_Few: Final = msgspec.Meta(max_length=16)
_Some: Final = msgspec.Meta(max_length=64)


class PullPolicy(StrEnum):
    """When the image is pulled."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class KeyRef(Part, frozen=True):
    """A key of a Secret or a ConfigMap of the same namespace."""

    name: DnsName
    key: Annotated[str, msgspec.Meta(pattern=r"^[-A-Za-z0-9_.]{1,253}$")]
    optional: bool = False


class FieldRef(Part, frozen=True):
    """A field of the pod."""

    field_path: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]


class EnvSource(Part, frozen=True):
    """Where a variable's value comes from: exactly one."""

    secret_key_ref: KeyRef | None = None
    config_map_key_ref: KeyRef | None = None
    field_ref: FieldRef | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into InvalidInput at this field."""
        if sum(each is not None for each in (self.secret_key_ref, self.config_map_key_ref, self.field_ref)) != 1:
            raise ValueError("exactly one of secretKeyRef, configMapKeyRef, fieldRef is right")


class Env(Part, frozen=True):
    """A variable of the engine's container: a value, or where it comes from."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]
    value: Text | None = None
    value_from: EnvSource | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into InvalidInput at this field."""
        if self.value is not None and self.value_from is not None:
            raise ValueError("value or valueFrom is right, not both")


class Requirements(Part, frozen=True):
    """Requests and limits of a container, as Kubernetes has them."""

    requests: Annotated[dict[str, Quantity | int], _Few] = {}
    limits: Annotated[dict[str, Quantity | int], _Few] = {}


class PullSecret(Part, frozen=True):
    """A Secret of the same namespace that opens an image registry."""

    name: DnsName


class PodOverrides(Part, frozen=True):
    """Fields of a SpeechEngine's spec that go into its pods."""

    image: Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,512}$")] | None = None
    """None: the operator's own choice for this version."""
    image_pull_policy: PullPolicy | None = None
    resources: Requirements = Requirements()
    """Of the engine's container."""
    fetcher_resources: Requirements = Requirements()
    env: Annotated[list[Env], _Some] = []
    node_selector: Annotated[dict[str, LabelValue], _Some] = {}
    tolerations: Annotated[list[Json], _Few] = []
    affinity: Json = {}
    topology_spread_constraints: Annotated[list[Json], _Few] = []
    priority_class_name: DnsName | None = None
    runtime_class_name: DnsName | None = None
    image_pull_secrets: Annotated[list[PullSecret], _Few] = []
    pod_labels: Annotated[dict[str, LabelValue], _Some] = {}
    pod_annotations: Annotated[dict[str, Text], _Some] = {}
    service_account_annotations: Annotated[dict[str, Text], _Some] = {}
    termination_drain_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 30
    """For how long an engine that ends may finish what it is speaking."""
