"""A real operator in a process of its own, and the rights that it may have."""

import base64
import json
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from support.apiserver import ApiServer
from support.process import Process
from timbre_operator import rbac
from timbre_operator.rbac import Rule

ENGINES = "/apis/timbre.dev/v1alpha1/namespaces/{}/speechengines"


class OperatorProcess(Process):
    """`timbre-operator run`; `arguments` are further flags. As a context manager it leads, or stands by."""

    def __init__(self, kubeconfig: Path, *arguments: str, ready: str = r"metrics on (http://\S+)") -> None:
        flags = ("--kubeconfig", str(kubeconfig), "--port", "0", "--lease-namespace", "default")
        super().__init__("timbre-operator", "run", *flags, *arguments, ready=ready)

    def leads(self) -> bool:
        """Whether it ever began to lead."""
        return any("leads" in line and "no more" not in line for line in self.log)

    def url(self) -> str:
        """Where its metrics are."""
        return next(line for line in self.log if "metrics on" in line).rpartition(" ")[2]

    def get(self, path: str) -> str:
        """What it answers."""
        with urllib.request.urlopen(self.url() + path, timeout=10) as answer:
            told: bytes = answer.read()
        return told.decode()


def account(api: ApiServer, folder: Path, name: str, namespaces: list[str]) -> Path:
    """A kubeconfig of a ServiceAccount with the operator's rights, in those namespaces (none: in all of them)."""
    api.kubectl("create", "serviceaccount", name)
    grant(api, name, [*rbac.SERVED], namespaces)
    grant(api, f"{name}-lease", [*rbac.OWN], ["default"], account_=name)
    token = api.kubectl("create", "token", name).strip()
    config = yaml.safe_load(api.kubeconfig.read_text())
    config["users"] = [{"name": "admin", "user": {"token": token}}]
    path = folder / f"{name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def grant(api: ApiServer, name: str, rules: list[Rule], namespaces: list[str], account_: str = "") -> None:
    """Roles (or a ClusterRole) of those rules for a ServiceAccount of the namespace default."""
    kind = "Role" if namespaces else "ClusterRole"
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": account_ or name, "namespace": "default"}
    for namespace in namespaces or [""]:
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        granted = [{"apiGroups": [rule.group], "resources": [rule.resource], "verbs": [*rule.verbs]} for rule in rules]
        role = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": metadata, "rules": granted}
        bound = {"apiGroup": group, "kind": kind, "name": name}
        binding = {**role, "kind": f"{kind}Binding", "roleRef": bound, "subjects": [subject]}
        del binding["rules"]
        api.kubectl("apply", "-f", "-", text=yaml.safe_dump_all([role, binding]))


def requests(api: ApiServer, user: str = "", since: int = 0) -> list[dict[str, Any]]:
    """What the audit log says of a user's requests, or of the operator's by its user agent, from a line on."""
    lines = api.audit.read_text().splitlines()[since:]
    found = [json.loads(line) for line in lines if line.endswith("}")]
    if user:
        return [each for each in found if each["user"]["username"] == user]
    return [each for each in found if each.get("userAgent", "").startswith(("timbre-operator", "kopf"))]


def changes(made: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """Mutating requests by verb and resource; reviews of oneself and the Lease's renewals are none."""
    return Counter(
        (each["verb"], each["objectRef"]["resource"])
        for each in made
        if each["verb"] in ("create", "update", "patch", "delete")
        and each["objectRef"]["resource"] not in ("leases", "selfsubjectaccessreviews")
    )


def tokens(secret: dict[str, Any]) -> list[str]:
    """The tokens in an administration's Secret."""
    return base64.b64decode(secret["data"]["tokens"]).decode().split()


def lines(api: ApiServer) -> int:
    """How long the audit log is."""
    return len(api.audit.read_text().splitlines())
