"""A real operator in a process of its own, and what it asked of the API server."""

import base64
import json
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from support.apiserver import ApiServer
from support.process import Process

ENGINES = "/apis/timbre.dev/v1alpha1/namespaces/{}/speechengines"


class OperatorProcess(Process):
    """`timbre-operator run` of a namespace, where its Lease is; `arguments` are further flags.

    As a context manager it leads, or stands by.
    """

    def __init__(
        self, kubeconfig: Path, namespace: str, *arguments: str, ready: str = r"metrics on (http://\S+)"
    ) -> None:
        flags = ("--kubeconfig", str(kubeconfig), "--port", "0", "--lease-namespace", namespace)
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
