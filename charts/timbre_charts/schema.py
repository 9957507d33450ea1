"""The JSON schema of the chart's values: strict, so that a typo is refused and not ignored.

The engine's part comes from the SpeechEngine's own definition, the bridge's settings from the bridge's.
"""

from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

import yaml

from timbre_bridge.settings import Settings

Schema = dict[str, Any]

SET_BY_CHART: Final = frozenset(
    [
        "routes",
        "routes_configmap",
        "host",
        "port",
        "channel",
        "token_secret_file",
        "jwks",
        "cert",
        "key",
        "tls_terminated",
        "allow_origin",
        "allow_host",
    ]
)
"""Settings of the bridge that the chart gives itself, from its other values."""

TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
STRINGS: Final[Schema] = {"type": "array", "items": TEXT}
MAP: Final[Schema] = {"type": "object", "additionalProperties": TEXT}
OBJECT: Final[Schema] = {"type": "object"}
OBJECTS: Final[Schema] = {"type": "array", "items": OBJECT}
NAME: Final[Schema] = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$"}
PRESENT_NAME: Final[Schema] = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$"}
REPOSITORY: Final[Schema] = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._/-]*$"}
QUANTITY: Final[Schema] = {"type": "string", "pattern": "^[0-9.]+([EPTGMk]i?)?$"}
IDENTITY: Final[Schema] = {"type": ["integer", "null"], "minimum": 1}


def closed(**properties: Schema) -> Schema:
    """An object of these properties and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def where(condition: Schema, then: Schema, schema: Schema) -> Schema:
    """`schema`, and `then` where `condition` is met."""
    return schema | {"if": {"properties": condition}, "then": {"properties": then}}


ENABLED: Final[Schema] = {"enabled": {"const": True}}
IMAGE: Final = closed(repository=REPOSITORY, tag=TEXT)
RESOURCES: Final = closed(requests=OBJECT, limits=OBJECT, claims=OBJECTS)
NODES: Final[Schema] = {"nodeSelector": MAP, "tolerations": OBJECTS}
POD: Final[Schema] = NODES | {
    "resources": RESOURCES,
    "env": OBJECTS,
    "podLabels": MAP,
    "podAnnotations": MAP,
    "affinity": OBJECT,
    "topologySpreadConstraints": OBJECTS,
    "priorityClassName": NAME,
}


def values(engine: Schema) -> Schema:
    """The schema; `engine`: that of a SpeechEngine's spec."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of the chart timbre",
        **closed(
            **{"global": OBJECT},
            nameOverride=NAME,
            fullnameOverride=NAME,
            imagePullSecrets=OBJECTS,
            image=closed(registry=TEXT | {"minLength": 1}, pullPolicy={"enum": ["Always", "IfNotPresent", "Never"]}),
            securityContext=closed(runAsUser=IDENTITY, runAsGroup=IDENTITY, fsGroup=IDENTITY),
            operator=closed(
                replicas={"type": "integer", "minimum": 0, "maximum": 5},
                image=IMAGE,
                clusterWide=FLAG,
                namespaces={"type": "array", "items": PRESENT_NAME},
                prometheus=TEXT | {"pattern": "^(https?://.+)?$"},
                logLevel={"enum": ["debug", "info", "warning", "error"]},
                **POD,
            ),
            bridge=_bridge(),
            engine=closed(create=FLAG, name=PRESENT_NAME | {"maxLength": 40}, image=_pinned(IMAGE), spec=engine),
            model=closed(pull=_pull(), claim=_claim()),
            redis=closed(
                existingSecret=NAME, key=TEXT, caConfigMap=NAME, caSecret=NAME, channel=TEXT | {"minLength": 1}
            ),
            valkey=closed(
                image=TEXT | {"minLength": 1},
                command=STRINGS | {"minItems": 1},
                maxMemory=TEXT | {"pattern": "^[0-9]+(b|kb|mb|gb)$"},
                resources=RESOURCES,
                **NODES,
            ),
            networkPolicy=closed(enabled=FLAG, engineClients=OBJECTS, redisClients=OBJECTS, scrapers=OBJECTS),
            monitoring=closed(
                labels=MAP,
                serviceMonitors=closed(enabled=FLAG, interval=TEXT | {"pattern": "^[0-9]+(s|m)$"}),
                rules=closed(enabled=FLAG, runbooks=TEXT | {"minLength": 1}),
                dashboards=closed(enabled=FLAG, labels=MAP),
            ),
        ),
    }


def _bridge() -> Schema:
    return closed(
        enabled=FLAG,
        replicas={"type": "integer", "minimum": 0, "maximum": 50},
        image=IMAGE,
        settings=closed(**bridge_settings()),
        allowHosts=STRINGS,
        allowOrigins={"type": "array", "items": TEXT | {"pattern": "^https?://[^/]+$"}},
        token=closed(existingSecret=NAME, key=TEXT | {"minLength": 1}, jwksConfigMap=NAME),
        service=closed(
            type={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
            port={"type": "integer", "minimum": 1, "maximum": 65535},
            annotations=MAP,
        ),
        ingress=where(
            ENABLED,
            {"host": {"minLength": 1}},
            closed(enabled=FLAG, className=NAME, host=NAME, tlsSecret=NAME, annotations=MAP),
        ),
        httpRoute=where(
            ENABLED,
            {"parentRefs": {"minItems": 1}, "hostnames": {"minItems": 1}},
            closed(enabled=FLAG, parentRefs=OBJECTS, hostnames=STRINGS, annotations=MAP),
        ),
        **POD,
    )


def _pull() -> Schema:
    return closed(
        enabled=FLAG,
        repository={"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$"},
        revision=TEXT | {"minLength": 1},
        quantisation={"enum": ["Q4_K_M", "Q4_0", "Q8_0", "F16", "F32"]},
        endpoint=TEXT | {"pattern": "^(https?://.+)?$"},
        tokenSecret=NAME,
        scratchSize=QUANTITY,
        resources=RESOURCES,
        **NODES,
    )


def _claim() -> Schema:
    modes = {"enum": ["ReadWriteOnce", "ReadWriteMany", "ReadWriteOncePod"]}
    return closed(
        existing=NAME,
        size=QUANTITY,
        storageClassName={"type": ["string", "null"]},
        accessModes={"type": "array", "items": modes, "minItems": 1},
    )


def _pinned(image: Schema) -> Schema:
    return image | {"properties": image["properties"] | {"tag": TEXT | {"minLength": 1}}}


def bridge_settings() -> Schema:
    """What `bridge.settings` may hold: the bridge's settings but for those that the chart gives."""
    hints = get_type_hints(Settings, include_extras=True)
    return {each.name: _typed(hints[each.name]) for each in fields(Settings) if each.name not in SET_BY_CHART}


def _typed(hint: Any) -> Schema:
    """The schema of a setting's type. Raises TypeError for one that it does not know."""
    if get_origin(hint) is Annotated:
        return _typed(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [each.value for each in hint]}
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return {"type": kinds[hint]} if hint in kinds else _unknown(hint)


def _unknown(hint: Any) -> Schema:
    raise TypeError(f"no schema is known for settings of type {hint}")


def engine_spec(crd: Path) -> Schema:
    """The schema of a SpeechEngine's spec, from its definition, as Helm can check it."""
    definition = yaml.safe_load(crd.read_text())
    spec: Schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    checked = _plain(spec)
    # The chart adds the backend and the model, and the API server sees the whole.
    checked.pop("required", None)
    return checked


def _plain(schema: Schema) -> Schema:
    """What Helm checks: without what only Kubernetes knows, or people read; an object has no further properties."""
    dropped = {"default", "description", "nullable"}
    kept = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-") and key not in dropped}
    if schema.get("x-kubernetes-int-or-string"):
        kept["type"] = ["integer", "string"]
    for key in ("items", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _plain(kept[key])
    if "properties" in kept:
        kept["properties"] = {name: _plain(each) for name, each in kept["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            kept["additionalProperties"] = False
    return kept
