"""What can be set of the operator; the command line and the environment fill it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import Port, PositiveFloat, PositiveInt

from timbre_common import names


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every field is a flag, and an environment variable TIMBRE_OPERATOR_<FIELD>."""

    namespace: Annotated[list[str], Parameter(negative=())] = field(default_factory=list)
    """Namespace to look after, as often as wanted; none: all of the cluster."""

    kubeconfig: Path | None = None
    """How to reach the cluster; otherwise the pod's own account does, or the variable KUBECONFIG."""

    engine_image: str = "localhost/timbre-engine:dev"
    """Image of engines whose SpeechEngine names none. An engine keeps the one that it began with."""

    prometheus: str = ""
    """Address of the Prometheus that KEDA asks for waiting requests, such as http://prometheus.monitoring:9090. Without
    it engines scale on the CPU, KEDA or not."""

    lease_namespace: str | None = None
    """Namespace of the Lease that says which replica leads; otherwise the pod's own."""

    lease_name: str = "timbre-operator"
    """Name of that Lease. Replicas share it; operators of other namespaces have another."""

    lease_seconds: PositiveFloat = 8.0
    """Seconds after which another replica takes over from one that no longer renews its Lease."""

    resync_seconds: PositiveFloat = 300.0
    """Seconds between passes over everything, in case an event was lost."""

    request_timeout: PositiveFloat = 10.0
    """Seconds that a request to the API server may take."""

    workers: PositiveInt = 8
    """Passes at once; one engine's never overlap."""

    host: str = "127.0.0.1"
    """Address of /metrics, /healthz and /readyz."""

    port: Port = names.OPERATOR_PORT
    """Port of /metrics, /healthz and /readyz; 0: a free one, which is logged."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged, on standard error. Tokens and texts never are."""
