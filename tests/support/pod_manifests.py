"""Manifests of the tests' own pods: small, and as `restricted` demands."""

from typing import Any

from support import containers
from support.cluster import CONTAINER_SECURITY, POD_SECURITY, Manifest

_PORTS = {"engine": 8770, "bridge": 8760, "test-redis": 6379}


def pod(name: str, component: str, arguments: list[str] | None = None, **more: Any) -> Manifest:
    """A pod of one container of a component's image, ready when its port answers; `volumes`: volumes by mount path."""
    volumes = {"/tmp": {"emptyDir": {}}, **more.pop("volumes", {})}
    names = {path: f"v{number}" for number, path in enumerate(volumes)}
    container = {
        "name": component,
        "image": containers.image(component),
        "imagePullPolicy": "IfNotPresent",
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": names[path], "mountPath": path} for path in volumes],
        "args": arguments,
        "readinessProbe": {"tcpSocket": {"port": _PORTS[component]}, "periodSeconds": 1},
        **more.pop("container", {}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "securityContext": POD_SECURITY,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 2,
            "containers": [container],
            "volumes": [{"name": names[path], **source} for path, source in volumes.items()],
            **more,
        },
    }


def service(name: str, port: int) -> Manifest:
    """A Service before the pod of that name."""
    spec = {"selector": {"app": name}, "ports": [{"port": port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def config_map(name: str, data: dict[str, str]) -> Manifest:
    """A ConfigMap."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def secret(name: str, data: dict[str, str]) -> Manifest:
    """A Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def environment(**variables: str | tuple[str, str]) -> Manifest:
    """Variables for `container=`; (secret, key) takes one from a Secret."""
    found = []
    for name, value in variables.items():
        if isinstance(value, str):
            found.append({"name": name, "value": value})
        else:
            reference = {"secretKeyRef": {"name": value[0], "key": value[1]}}
            found.append({"name": name, "valueFrom": reference})  # type: ignore[dict-item]
    return {"env": found}
