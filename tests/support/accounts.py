"""The ServiceAccounts of a release named `timbre`, with the rights that the chart grants them and no others."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from support.apiserver import APPLY, ApiServer
from support.audited import Right
from timbre_common.names import ROUTES_CONFIGMAP
from timbre_operator import rbac

OPERATOR: Final = "timbre-operator"
BRIDGE: Final = "timbre-bridge"

PolicyRule = dict[str, list[str]]
"""A rule of a Role, as the API has it."""


def policy(*rules: rbac.Rule) -> list[PolicyRule]:
    """The operator's rules as a Role has them."""
    return [{"apiGroups": [rule.group], "resources": [rule.resource], "verbs": [*rule.verbs]} for rule in rules]


def rights(rules: Iterable[PolicyRule]) -> set[Right]:
    """What a Role's rules allow."""
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


SERVED_RULES: Final = policy(*rbac.SERVED, *rbac.KEDA)
OWN_RULES: Final = policy(*rbac.OWN)
BRIDGE_RULES: Final[list[PolicyRule]] = [
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [ROUTES_CONFIGMAP], "verbs": ["get", "watch"]}
]
GRANTED: Final = {OPERATOR: rights([*SERVED_RULES, *OWN_RULES]), BRIDGE: rights(BRIDGE_RULES)}
"""By account; tests/charts/test_rights.py shows that the chart grants the same."""


def operator(api: ApiServer, namespace: str, served: Sequence[str]) -> Path:
    """A kubeconfig of the operator's account in a namespace, which looks after the namespaces `served` (none: all)."""
    config = yaml.safe_load(api.kubeconfig.read_text())
    config["users"] = [{"name": "admin", "user": {"token": _account(api, namespace, OPERATOR)}}]
    grant(api, namespace, OPERATOR, f"{OPERATOR}-own", OWN_RULES, [namespace])
    serve(api, namespace, served)
    path = api.kubeconfig.parent / f"{namespace}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def serve(api: ApiServer, namespace: str, served: Sequence[str]) -> None:
    """Let a namespace's operator look after the namespaces `served` (none: all)."""
    grant(api, namespace, OPERATOR, f"{namespace}-{OPERATOR}", SERVED_RULES, served)


def bridge(api: ApiServer, namespace: str) -> str:
    """A token of the bridge's account in a namespace."""
    grant(api, namespace, BRIDGE, BRIDGE, BRIDGE_RULES, [namespace])
    return _account(api, namespace, BRIDGE)


def user(namespace: str, account: str) -> str:
    """Its name in an audit log."""
    return f"system:serviceaccount:{namespace}:{account}"


def grant(
    api: ApiServer, namespace: str, account: str, role: str, rules: list[PolicyRule], where: Sequence[str]
) -> None:
    """Roles of that name in the namespaces `where` (none: a ClusterRole), for a namespace's account."""
    group = "rbac.authorization.k8s.io"
    kind = "Role" if where else "ClusterRole"
    bound = {"apiGroup": group, "kind": kind, "name": role}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    for each in where or [""]:
        root = f"/apis/{group}/v1" + (f"/namespaces/{each}" if each else "")
        head = {"apiVersion": f"{group}/v1", "metadata": {"name": role}}
        _apply(api, f"{root}/{kind.lower()}s/{role}", {**head, "kind": kind, "rules": rules})
        binding = {**head, "kind": f"{kind}Binding", "roleRef": bound, "subjects": [subject]}
        _apply(api, f"{root}/{kind.lower()}bindings/{role}", binding)


def _account(api: ApiServer, namespace: str, name: str) -> str:
    """A token of it."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
    _apply(api, path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}})
    answer = api.request("POST", f"{path}/token", {"spec": {"expirationSeconds": 3600}})
    token: str = answer["status"]["token"]
    return token


def _apply(api: ApiServer, path: str, obj: dict[str, Any]) -> None:
    api.request("PATCH", f"{path}?fieldManager=test&force=true", obj, content=APPLY)
