"""SpeechEngine: a speech engine that holds the voices of one namespace. The CRD in `crds/` says the same in YAML."""

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput
from timbre_common.names import API_VERSION
from timbre_common.sources import Digest, Part, Repository, Revision
from timbre_common.voiceprofile import EngineName, ObjectMeta
from timbre_operator.resources import stored
from timbre_operator.resources.overrides import DnsName, PodOverrides, Quantity

KIND: Final = "SpeechEngine"
MODEL_BACKEND: Final = "qwen3tts"

Host = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(:[0-9]{1,5})?$", max_length=259)]
"""A host as URLs have it: with a port where it is not the scheme's own."""
Hosts = Annotated[
    str, msgspec.Meta(pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?(:[0-9]{1,5})?$", max_length=261)
]
"""A host, or all below it: `*.example.org`."""
Path = Annotated[
    str, msgspec.Meta(pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*)?$", max_length=512)
]


class Backend(StrEnum):
    """What speaks."""

    QWEN3TTS = "qwen3tts"
    ESPEAK = "espeak"


class ModelClaim(Part, frozen=True):
    """A claim that holds a model directory, at `path` below its root."""

    claim_name: DnsName
    path: Path = ""


class HubModel(Part, frozen=True):
    """A repository of the Hugging Face Hub that holds a model directory."""

    repository: Repository
    revision: Revision = "main"


class Model(Part, frozen=True):
    """A converted model directory: exactly one of `persistentVolumeClaim`, `huggingFace`."""

    persistent_volume_claim: ModelClaim | None = None
    hugging_face: HubModel | None = None
    digest: Digest | None = None
    """Of its `model.json`, which holds the sums of the other files."""

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into InvalidInput at this field."""
        if (self.persistent_volume_claim is None) == (self.hugging_face is None):
            raise ValueError("exactly one of persistentVolumeClaim, huggingFace is right")


class EmptyDir(Part, frozen=True):
    """A folder of the node that goes with the pod."""

    size_limit: Quantity = "1Gi"


class Claim(Part, frozen=True):
    """A PersistentVolumeClaim of the same namespace."""

    claim_name: DnsName


class AdaptersVolume(Part, frozen=True):
    """Where adapters lie: at most one of `emptyDir`, `persistentVolumeClaim`; neither is an emptyDir of 1 GiB."""

    empty_dir: EmptyDir | None = None
    persistent_volume_claim: Claim | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into InvalidInput at this field."""
        if self.empty_dir is not None and self.persistent_volume_claim is not None:
            raise ValueError("one of emptyDir, persistentVolumeClaim is right")


class Sources(Part, frozen=True):
    """From where files may be fetched, and how much; no host is allowed unless it is named."""

    allowed_hosts: Annotated[list[Hosts], msgspec.Meta(max_length=64)] = []
    allow_private: bool = False
    """Whether such a host may have an address of a private network."""
    max_bytes: Annotated[int, msgspec.Meta(ge=1, le=1 << 30)] = 64 << 20
    timeout_seconds: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 300


class SecretRef(Part, frozen=True):
    """A Secret of the same namespace."""

    name: DnsName


class SourceCredential(Part, frozen=True):
    """The Secret for one host: `token`, or `username` and `password`, or `accessKeyID` and `secretAccessKey`."""

    host: Host
    secret_ref: SecretRef


class Autoscaling(Part, frozen=True, kw_only=True):
    """Between how many pods, by waiting requests a pod where KEDA is, else by the CPU's use in per cent."""

    min_replicas: Annotated[int, msgspec.Meta(ge=1, le=50)] = 1
    max_replicas: Annotated[int, msgspec.Meta(ge=1, le=50)]
    target_waiting: Annotated[int, msgspec.Meta(ge=1, le=256)] = 2
    cpu_utilization: Annotated[int, msgspec.Meta(ge=1, le=100)] = 80
    scale_down_stabilization_seconds: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 300
    """How long fewer pods must have been enough before one goes."""

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into InvalidInput at this field."""
        if self.min_replicas > self.max_replicas:
            raise ValueError("minReplicas of at most maxReplicas is right")


class Spec(PodOverrides, frozen=True):
    """What the user asks for."""

    backend: Backend = Backend.QWEN3TTS
    model: Model | None = None
    adapters_volume: AdaptersVolume = AdaptersVolume()
    sources: Sources = Sources()
    source_credentials: Annotated[list[SourceCredential], msgspec.Meta(max_length=32)] = []
    replicas: Annotated[int, msgspec.Meta(ge=0, le=50)] | None = None
    """None where it is not said: 1, or what autoscaling says."""
    autoscaling: Autoscaling | None = None
    slots: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    """Utterances at the same time, a pod."""
    queue: Annotated[int, msgspec.Meta(ge=0, le=256)] = 16
    """Requests that may wait, a pod."""
    max_loaded_adapters: Annotated[int, msgspec.Meta(ge=1, le=256)] = 8
    gpu_layers: Annotated[int, msgspec.Meta(ge=0, le=999)] = 0
    admin_token_rotation_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into InvalidInput at this field."""
        if self.replicas is not None and self.autoscaling is not None:
            raise ValueError("replicas or autoscaling is right, not both")
        if self.backend is Backend.QWEN3TTS and self.model is None:
            raise ValueError("the backend qwen3tts needs a model: name one, or take the backend espeak")
        if self.backend is Backend.ESPEAK and self.model is not None:
            raise ValueError("the backend espeak takes no model: leave model out, or take the backend qwen3tts")


class EngineMeta(ObjectMeta, frozen=True, kw_only=True):
    """An engine's metadata: Services are named after it."""

    name: EngineName


class SpeechEngine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The resource. Its status is JSON as the API server has it."""

    api_version: str
    kind: str
    metadata: EngineMeta
    spec: Spec
    status: dict[str, Any] = {}


def parse(value: Any) -> SpeechEngine:
    """A SpeechEngine as the API server has it. Raises InvalidInput that names the field."""
    return _right(stored.convert(value, SpeechEngine))


def parse_yaml(text: str) -> SpeechEngine:
    """The SpeechEngine in a YAML document. Raises InvalidInput that names the field."""
    return _right(decoding.from_yaml(text, SpeechEngine))


def _right(engine: SpeechEngine) -> SpeechEngine:
    if engine.api_version != API_VERSION:
        raise InvalidInput(f"{API_VERSION} is right, not {engine.api_version!r}", "apiVersion")
    if engine.kind != KIND:
        raise InvalidInput(f"{KIND} is right, not {engine.kind!r}", "kind")
    return engine
