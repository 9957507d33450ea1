"""Every right that the operator uses, and no other: the chart grants these, and the preflight asks for them."""

from dataclasses import dataclass
from typing import Final

from timbre_common.names import GROUP

_WATCH: Final = ("get", "list", "watch")
_APPLY: Final = (*_WATCH, "create", "patch")


@dataclass(frozen=True)
class Rule:
    """Verbs on one resource of an API group; `resource` may have a subresource, such as `pods/status`."""

    group: str
    resource: str
    verbs: tuple[str, ...]


SERVED: Final = (
    Rule(GROUP, "speechengines", _WATCH),
    Rule(GROUP, "speechengines/status", ("patch",)),
    Rule(GROUP, "voiceprofiles", ("list", "watch")),
    Rule(GROUP, "voiceprofiles/status", ("patch",)),
    Rule("", "pods", ("list", "watch")),
    Rule("", "persistentvolumeclaims", ("get",)),
    Rule("", "secrets", ("get", "create", "patch")),  # each by its name: who may list them reads them all
    Rule("", "serviceaccounts", _APPLY),
    Rule("", "services", _APPLY),
    Rule("", "configmaps", (*_APPLY, "delete")),
    Rule("", "events", ("create", "patch")),
    Rule("apps", "deployments", _APPLY),
    Rule("policy", "poddisruptionbudgets", (*_APPLY, "delete")),
    Rule("autoscaling", "horizontalpodautoscalers", (*_APPLY, "delete")),
)
"""In every namespace that the operator looks after."""

KEDA: Final = (Rule("keda.sh", "scaledobjects", (*_APPLY, "delete")),)
"""There too, where the cluster has KEDA."""

OWN: Final = (Rule("coordination.k8s.io", "leases", ("get", "create", "patch")),)
"""In the namespace of the Lease."""
