"""The volumes of a pod, and who sees them. Folders are mounted, never single files: those would not be updated."""

from timbre_common import shards
from timbre_operator import names
from timbre_operator.kube import Object
from timbre_operator.resources.speechengine import EmptyDir, SpeechEngine

_MODEL, _ADAPTERS, _VOICES, _ADMIN, _SCRATCH = "model", "adapters", "voices", "admin", "tmp"


def volumes(engine: SpeechEngine) -> list[Object]:
    """All volumes. The voices' ConfigMaps are all named, there or not, so that voices never change the template."""
    name, spec = engine.metadata.name, engine.spec
    parts = [
        {
            "configMap": {
                "name": names.voices_part(name, index),
                "optional": True,
                "items": [{"key": shards.KEY, "path": shards.file_name(index)}],
            }
        }
        for index in range(shards.MOST)
    ]
    found: list[Object] = [
        {"name": _ADAPTERS, **_adapters(engine)},
        {"name": _VOICES, "projected": {"sources": parts}},
        {"name": _ADMIN, "secret": {"secretName": names.admin_secret(name)}},
        {"name": _SCRATCH, "emptyDir": {"sizeLimit": "256Mi"}},
    ]
    if spec.model is not None:
        claim = spec.model.persistent_volume_claim
        of_claim = {"persistentVolumeClaim": {"claimName": claim.claim_name, "readOnly": True}} if claim else None
        found.append({"name": _MODEL, **(of_claim or {"emptyDir": {}})})
    found += [
        # A Secret that is missing fails the fetching of that host's files, and never the pod.
        {"name": f"credentials-{index}", "secret": {"secretName": each.secret_ref.name, "optional": True}}
        for index, each in enumerate(spec.source_credentials)
    ]
    return found


def size_limit(engine: SpeechEngine) -> str:
    """Of the adapters' emptyDir, a quantity."""
    return (engine.spec.adapters_volume.empty_dir or EmptyDir()).size_limit


def engine_mounts(engine: SpeechEngine) -> list[Object]:
    """What the engine sees: nothing that it may write to but /tmp."""
    model = [_mount(_MODEL, names.MODELS_PATH, read_only=True)] if engine.spec.model else []
    return [
        *model,
        _mount(_ADAPTERS, names.ADAPTERS_PATH, read_only=True),
        _mount(_ADMIN, names.ADMIN_PATH, read_only=True),
        _mount(_SCRATCH, "/tmp"),  # noqa: S108 -- an emptyDir of the pod
    ]


def fetcher_mounts(engine: SpeechEngine) -> list[Object]:
    """What the fetcher sees; the credentials of each host lie in a folder of its name."""
    credentials = [
        _mount(f"credentials-{index}", names.credentials_path(each.host), read_only=True)
        for index, each in enumerate(engine.spec.source_credentials)
    ]
    return [
        _mount(_ADAPTERS, names.ADAPTERS_PATH),
        _mount(_VOICES, names.VOICES_PATH, read_only=True),
        _mount(_ADMIN, names.ADMIN_PATH, read_only=True),
        *credentials,
        _mount(_SCRATCH, "/tmp"),  # noqa: S108 -- an emptyDir of the pod
    ]


def model_mounts() -> list[Object]:
    """What the pulling of a model sees."""
    return [_mount(_MODEL, names.MODELS_PATH), _mount(_SCRATCH, "/tmp")]  # noqa: S108 -- an emptyDir of the pod


def _adapters(engine: SpeechEngine) -> Object:
    claim = engine.spec.adapters_volume.persistent_volume_claim
    if claim is not None:
        return {"persistentVolumeClaim": {"claimName": claim.claim_name}}
    return {"emptyDir": {"sizeLimit": size_limit(engine)}}


def _mount(name: str, path: str, *, read_only: bool = False) -> Object:
    return {"name": name, "mountPath": path} | ({"readOnly": True} if read_only else {})
