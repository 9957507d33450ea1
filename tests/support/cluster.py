"""A cluster that runs pods, by kubectl. It is named by TIMBRE_TEST_KUBECONFIG alone, never by the current context."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

Manifest = dict[str, Any]
ENV_KUBECONFIG: Final = "TIMBRE_TEST_KUBECONFIG"
ENV_STORAGE_CLASS: Final = "TIMBRE_TEST_STORAGE_CLASS"
"""A class that provisions volumes; without it volumes are folders of this machine, which is the node then."""

RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}
POD_SECURITY: Final[Manifest] = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Final[Manifest] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def kubeconfig() -> str:
    """The file that was named. Skips where none was."""
    path = os.environ.get(ENV_KUBECONFIG)
    if not path:
        pytest.skip(f"{ENV_KUBECONFIG} names no cluster that runs pods (its images: make images)")
    return path


def program(name: str) -> str:
    """kubectl or helm: of KUBEBUILDER_ASSETS, or in PATH. Skips where there is none."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    beside = Path(assets, name) if assets else None
    found = str(beside) if beside and beside.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is neither in KUBEBUILDER_ASSETS nor in PATH")
    return found


class Namespace:
    """A namespace of its own in the cluster, in which Pod Security's level `restricted` is enforced."""

    def __init__(self, kubeconfig: str, name: str) -> None:
        self.kubeconfig = kubeconfig
        self.name = name
        self._kubectl = [program("kubectl"), f"--kubeconfig={kubeconfig}"]

    def kubectl(self, *arguments: str, given: str | None = None, within: float = 180.0) -> str:
        """Its output. Raises AssertionError with what it says where it fails or takes too long."""
        command = [*self._kubectl, f"--namespace={self.name}", *arguments]
        try:
            done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=within, check=False)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"kubectl {' '.join(arguments)}: not within {within:.0f} s") from error
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def apply(self, *manifests: Manifest) -> None:
        """Server-side apply."""
        self.kubectl("apply", "--server-side", "--filename=-", given=json.dumps(_list(manifests)))

    def get(self, resource: str, *arguments: str) -> Manifest:
        """A resource, such as pod/engine, or a list, such as pods."""
        found: Manifest = json.loads(self.kubectl("get", resource, "--output=json", *arguments))
        return found

    def delete(self, *arguments: str) -> None:
        """Delete, without waiting."""
        self.kubectl("delete", "--wait=false", *arguments)

    def wait(self, what: str, condition: str, within: float = 180.0) -> None:
        """As `kubectl wait --for=CONDITION WHAT`. Raises AssertionError that says how things are."""
        try:
            self.kubectl("wait", f"--for={condition}", what, f"--timeout={within:.0f}s", within=within + 20)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.state()}") from None

    def until(self, condition: Callable[[], bool], what: str, within: float = 180.0) -> None:
        """Until the condition holds. Raises AssertionError that says how things are."""
        deadline = time.monotonic() + within
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {within:.0f} s\n{self.state()}"
            time.sleep(0.2)

    def pods(self, selector: str) -> list[Manifest]:
        """The pods of a selector that are not going away."""
        items: list[Manifest] = self.get("pods", f"--selector={selector}")["items"]
        return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]

    def run(self, pod: str, *command: str, container: str | None = None) -> str:
        """The output of a command in a pod. Raises AssertionError where it fails."""
        chosen = [f"--container={container}"] if container else []
        return self.kubectl("exec", pod, *chosen, "--", *command)

    @contextmanager
    def forwarded(self, target: str, port: int) -> Iterator[str]:
        """`127.0.0.1:PORT`, from where connections go to a pod or to one of a Service."""
        command = [*self._kubectl, f"--namespace={self.name}", "port-forward", target, f":{port}"]
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as forwarding,
        ):
            try:
                assert forwarding.stdout is not None
                match = re.search(r"127\.0\.0\.1:(\d+)", forwarding.stdout.readline())
                if match is None:
                    errors.seek(0)
                    raise AssertionError(f"{target} cannot be reached: {errors.read()}\n{self.state()}")
                yield f"127.0.0.1:{match[1]}"
            finally:
                forwarding.terminate()

    def volume(self, claim: str, directory: Path, modes: tuple[str, ...] = ("ReadWriteOnce",)) -> None:
        """A claim, and where no class provisions it a volume in a folder of this machine."""
        spec: Manifest = {"accessModes": list(modes), "resources": {"requests": {"storage": "1Gi"}}}
        chosen = os.environ.get(ENV_STORAGE_CLASS)
        if chosen:
            spec["storageClassName"] = chosen
        else:
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o777)  # such volumes heed no fsGroup
            name = f"{self.name}-{claim}"
            spec |= {"storageClassName": "", "volumeName": name}
            self.apply(
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolume",
                    "metadata": {"name": name, "labels": {"timbre.dev/test": self.name}},
                    "spec": {
                        "capacity": {"storage": "1Gi"},
                        "accessModes": list(modes),
                        "hostPath": {"path": str(directory)},
                        "claimRef": {"namespace": self.name, "name": claim},
                    },
                }
            )
        metadata = {"name": claim}
        self.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})

    def machine(self) -> str:
        """This machine's address, where pods reach it, and from where it reaches pods. Skips where it is no node."""
        for node in self.get("nodes")["items"]:
            for each in node["status"]["addresses"]:
                if each["type"] == "InternalIP" and _is_here(each["address"]):
                    return str(each["address"])
        pytest.skip("this machine is no node of the cluster, so pods may not reach what runs on it")

    def state(self) -> str:
        """Pods, events and logs, for whoever reads of a failure."""
        parts = []
        for arguments in (
            ["get", "pods,spe,vp", "--output=wide", "--ignore-not-found"],
            ["get", "pods", "--output=wide"],
            ["get", "events", "--sort-by=.lastTimestamp"],
            ["logs", "--selector=timbre.dev/test!=no", "--all-containers", "--prefix", "--tail=40", "--ignore-errors"],
        ):
            command = [*self._kubectl, f"--namespace={self.name}", *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            parts.append(f"$ kubectl {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return "\n".join(parts)

    def create(self) -> None:
        """Make it."""
        labels = {**RESTRICTED, "timbre.dev/test": "true"}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name, "labels": labels}})

    def remove(self) -> None:
        """Delete it and its volumes, without waiting."""
        self.delete("namespace", self.name)
        self.delete("persistentvolumes", f"--selector=timbre.dev/test={self.name}", "--ignore-not-found")


@contextmanager
def namespace(prefix: str) -> Iterator[Namespace]:
    """One that lasts as long as the context."""
    made = Namespace(kubeconfig(), f"timbre-{prefix}-{uuid.uuid4().hex[:6]}")
    made.create()
    try:
        yield made
    finally:
        made.remove()


def _is_here(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def _list(manifests: tuple[Manifest, ...]) -> Manifest:
    return {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
