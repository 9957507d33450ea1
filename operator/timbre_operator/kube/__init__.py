"""The Kubernetes API as the operator needs it: a Protocol, and its implementation over kubernetes.aio.

Belongs here: requests, their errors as Timbre's own, and which kinds there are. Does not: any decision about objects.
"""

from timbre_operator.kube.protocol import FIELD_MANAGER, Kube, Object
from timbre_operator.kube.resource import Resource

__all__ = ["FIELD_MANAGER", "Kube", "Object", "Resource"]
