"""The one place for derived names: ports, channels, groups, environment variables, metric buckets."""

from typing import Final

GROUP: Final = "timbre.dev"
API_VERSION: Final = f"{GROUP}/v1alpha1"

BRIDGE_PORT: Final = 8760
ENGINE_PORT: Final = 8770
ENGINE_ADMIN_PORT: Final = 8771
OPERATOR_PORT: Final = 8780
"""Of the operator's metrics and health."""
FETCHER_PORT: Final = 8772
REDIS_PORT: Final = 6390
"""Port of the embedded Valkey; not 6379, so that a Redis of the machine's own is left alone."""

DEFAULT_REDIS_URL: Final = f"redis://127.0.0.1:{REDIS_PORT}"
DEFAULT_CHANNEL: Final = "broadcast"
DEFAULT_ROOM: Final = "default"
DEFAULT_ENGINE: Final = "default"

ROUTES_CONFIGMAP: Final = "timbre-routes"
"""What the operator writes for the bridges of a namespace: the routes document, under ROUTES_KEY."""
ROUTES_KEY: Final = "routes.json"

MODEL_FILE: Final = "model.json"
"""What makes a folder a model directory: its manifest, which the engine writes and reads."""
MODEL_FORMAT: Final = 1
"""Of model directories; grows when an engine can no longer read older ones."""

EXIT_OTHER_FILE: Final = 3
"""Exit status of `timbre-engine` where a file is not the one whose digest was named, such as the model."""
TERMINATION_LOG: Final = "/dev/termination-log"
"""Where a container says why it ends; Kubernetes makes it and puts what is in it into the pod's status."""

SUBPROTOCOL: Final = "timbre.v1"
BRIDGE_ROLE: Final = "timbre-bridge"
"""`sender.role` of what the bridge itself publishes; it never speaks messages of this role."""

ENV_REDIS_URL: Final = "REDIS_URL"
ENV_ADMIN_TOKEN: Final = "TIMBRE_ENGINE_ADMIN_TOKEN"  # noqa: S105 -- a variable's name, not a secret
ENV_TOKEN_SECRET: Final = "TIMBRE_TOKEN_SECRET"  # noqa: S105

TTFB_BUCKETS: Final = (0.02, 0.04, 0.06, 0.08, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.8, 1, 1.5, 2.5, 5, 10)
"""Seconds; 0.8 is the promise."""
