"""The kinds of objects that the operator reads or writes, and their paths."""

from dataclasses import dataclass
from typing import Final

from timbre_common.names import API_VERSION


@dataclass(frozen=True)
class Resource:
    """One kind of object. `api_version` is such as `v1` or `apps/v1`, `plural` the name in paths and in RBAC."""

    api_version: str
    kind: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; "" for the core group."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The path of an object, or of the list of a namespace; None: of all namespaces."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        parts = [root, f"namespaces/{namespace}" if namespace else None, self.plural, name, subresource]
        return "/".join(part for part in parts if part)


SPEECH_ENGINES: Final = Resource(API_VERSION, "SpeechEngine", "speechengines")
VOICE_PROFILES: Final = Resource(API_VERSION, "VoiceProfile", "voiceprofiles")
PODS: Final = Resource("v1", "Pod", "pods")
SECRETS: Final = Resource("v1", "Secret", "secrets")
CONFIG_MAPS: Final = Resource("v1", "ConfigMap", "configmaps")
SERVICES: Final = Resource("v1", "Service", "services")
SERVICE_ACCOUNTS: Final = Resource("v1", "ServiceAccount", "serviceaccounts")
CLAIMS: Final = Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
EVENTS: Final = Resource("v1", "Event", "events")
DEPLOYMENTS: Final = Resource("apps/v1", "Deployment", "deployments")
DISRUPTION_BUDGETS: Final = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
AUTOSCALERS: Final = Resource("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
SCALED_OBJECTS: Final = Resource("keda.sh/v1alpha1", "ScaledObject", "scaledobjects")
LEASES: Final = Resource("coordination.k8s.io/v1", "Lease", "leases")
ACCESS_REVIEWS: Final = Resource("authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews")
