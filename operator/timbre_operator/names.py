"""The one place for what the operator calls things: objects, labels, annotations, keys, paths in a pod."""

from typing import Final

from timbre_common import names
from timbre_common.names import GROUP

ENGINE_LABEL: Final = f"{GROUP}/engine"
"""On everything that belongs to a SpeechEngine, with its name."""
MANAGED_BY: Final = "timbre-operator"
APP_NAME: Final = "timbre-engine"

APPLIED: Final = f"{GROUP}/applied"
"""Annotation: the digest of what was applied last."""
DEFAULT_IMAGE: Final = f"{GROUP}/default-image"
"""Annotation on a Deployment: the image that it began with, for a SpeechEngine that names none."""
MODEL_DIGEST: Final = f"{GROUP}/model-digest"
"""Annotation on a pod: the digest of the model that it shall load, where its SpeechEngine names one."""
ROTATED: Final = f"{GROUP}/rotated"
"""Annotation on the administration's Secret: since when its first token is there (RFC 3339)."""

TOKENS_KEY: Final = "tokens"
ROUTES: Final = names.ROUTES_CONFIGMAP
ROUTES_KEY: Final = names.ROUTES_KEY

ENGINE: Final = "engine"
FETCHER: Final = "fetcher"
MODEL: Final = "model"
SPEECH: Final = "speech"
"""A port's name; the containers are ENGINE, FETCHER, and MODEL where the model is pulled."""
ADMIN: Final = "admin"

MODELS_PATH: Final = "/models"
ADAPTERS_PATH: Final = "/adapters"
VOICES_PATH: Final = "/etc/timbre/voices"
ADMIN_PATH: Final = "/etc/timbre/admin"
CREDENTIALS_PATH: Final = "/etc/timbre/credentials"


def speech(engine: str) -> str:
    """The Deployment, ServiceAccount, Service, PDB and autoscaler of an engine."""
    return f"{engine}-speech"


def pods_service(engine: str) -> str:
    """The headless Service, whose name resolves to the pods that are ready."""
    return f"{engine}-speech-pods"


def admin_secret(engine: str) -> str:
    """The Secret with the administration's tokens."""
    return f"{engine}-speech-admin"


def voices_part(engine: str, index: int) -> str:
    """The ConfigMap with one part of the voices document, from 0 on."""
    return f"{engine}-speech-voices-{index}"


def credentials_path(host: str) -> str:
    """Where a host's credentials are mounted. A path in a pod has no colon."""
    return f"{CREDENTIALS_PATH}/{host.replace(':', '_')}"


def url(engine: str, namespace: str, port: int) -> str:
    """Where the bridge finds the engine's pods."""
    return f"http://{pods_service(engine)}.{namespace}.svc:{port}"


def selector(engine: str) -> dict[str, str]:
    """What chooses an engine's pods. Never changes: a Deployment's selector cannot."""
    return {"app.kubernetes.io/name": APP_NAME, ENGINE_LABEL: engine}


def labels(engine: str) -> dict[str, str]:
    """The labels of everything that belongs to an engine."""
    return {
        **selector(engine),
        "app.kubernetes.io/instance": engine,
        "app.kubernetes.io/managed-by": MANAGED_BY,
        "app.kubernetes.io/part-of": "timbre",
    }
