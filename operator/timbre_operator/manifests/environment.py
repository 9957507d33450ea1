"""The variables of the containers: the fields of timbre-engine's Settings."""

from timbre_common.names import ENGINE_ADMIN_PORT, ENGINE_PORT, FETCHER_PORT
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.manifests import quantity, volumes
from timbre_operator.resources.speechengine import SpeechEngine

TOKENS_FILE = f"{names.ADMIN_PATH}/{names.TOKENS_KEY}"


def engine_environment(engine: SpeechEngine) -> list[Object]:
    """Of `timbre-engine serve`. Its administration listens on loopback: the fetcher stands before it."""
    spec = engine.spec
    values: dict[str, object] = {
        "BACKEND": spec.backend.value,
        "ADAPTERS": names.ADAPTERS_PATH,
        "HOST": "0.0.0.0",  # noqa: S104 -- of the pod, behind its Services
        "PORT": ENGINE_PORT,
        "ADMIN_HOST": "127.0.0.1",
        "ADMIN_PORT": ENGINE_ADMIN_PORT,
        "ADMIN_TOKEN_FILE": TOKENS_FILE,
        "SLOTS": spec.slots,
        "QUEUE": spec.queue,
        "MAX_LOADED_ADAPTERS": spec.max_loaded_adapters,
        "GPU_LAYERS": spec.gpu_layers,
        "DRAIN_TIMEOUT": spec.termination_drain_seconds,
    }
    if spec.model is not None:
        values["MODEL"] = model_path(engine)
        if spec.model.digest is not None:
            values["MODEL_DIGEST"] = spec.model.digest
    return _variables("TIMBRE_ENGINE_", values)


def fetcher_environment(engine: SpeechEngine) -> list[Object]:
    """Of `timbre-engine fetcher`."""
    sources = engine.spec.sources
    values: dict[str, object] = {
        "ADAPTERS": names.ADAPTERS_PATH,
        "HOST": "0.0.0.0",  # noqa: S104 -- of the pod, behind no Service
        "PORT": FETCHER_PORT,
        "ENGINE": f"http://127.0.0.1:{ENGINE_ADMIN_PORT}",
        "TOKEN_FILE": TOKENS_FILE,
        "VOICES": names.VOICES_PATH,
        "CREDENTIALS": names.CREDENTIALS_PATH,
        "ALLOW_PRIVATE": str(sources.allow_private).lower(),
        "MAX_BYTES": sources.max_bytes,
        "TIMEOUT": sources.timeout_seconds,
    }
    if sources.allowed_hosts:
        values["ALLOWED_HOSTS"] = ",".join(sources.allowed_hosts)
    if engine.spec.adapters_volume.persistent_volume_claim is None:
        # A pod whose emptyDir is over its limit is evicted.
        values["VOLUME_BYTES"] = quantity.whole(volumes.size_limit(engine)) * 9 // 10
    return _variables("TIMBRE_FETCHER_", values)


def model_path(engine: SpeechEngine) -> str:
    """The model directory in the pod."""
    claim = engine.spec.model.persistent_volume_claim if engine.spec.model else None
    return f"{names.MODELS_PATH}/{claim.path}" if claim and claim.path else names.MODELS_PATH


def _variables(prefix: str, values: dict[str, object]) -> list[Object]:
    return [{"name": prefix + name, "value": str(value)} for name, value in values.items()]
