"""A SpeechEngine as Kubernetes objects: pure functions that return manifests and never call the API.

A Deployment's template depends on the SpeechEngine's spec and its image alone: not on voices, not on the operator's
version. Whatever changes it here restarts every engine at the operator's next start, so a test compares its bytes.
"""

from timbre_operator.manifests.platform import Platform, Scaler
from timbre_operator.manifests.wanted import Wanted, wanted

__all__ = ["Platform", "Scaler", "Wanted", "wanted"]
