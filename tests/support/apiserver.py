"""A Kubernetes API server alone: etcd and kube-apiserver on free ports, nothing that acts on what they store.

The programs come from KUBEBUILDER_ASSETS, a folder with etcd, kube-apiserver and kubectl, as setup-envtest makes one.
"""

import json
import os
import secrets
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import trustme
import yaml

from support.process import free_ports

ASSETS: Final = "KUBEBUILDER_ASSETS"
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
_ROOT: Final = Path(__file__).parents[2]
_START_S: Final = 180
_PROGRAMS: Final = ("etcd", "kube-apiserver", "kubectl")

audit_logs: Final[list[Path]] = []
"""Those of all servers of this process so far, for whoever looks at its end at what was asked of them."""


class Refused(Exception):
    """The server's answer that is no success."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        super().__init__(answer.get("message", ""))
        self.status = status
        self.answer = answer


@dataclass(frozen=True)
class ApiServer:
    """One that runs; its user may do everything."""

    url: str
    kubeconfig: Path
    audit: Path
    """Its audit log: one JSON line a request."""
    token: str
    context: ssl.SSLContext
    programs: Path

    def request(
        self, method: str, path: str, body: Any = None, *, content: str = "application/json", token: str | None = None
    ) -> Any:
        """The answer's JSON. Raises Refused."""
        headers = {"Authorization": f"Bearer {token or self.token}", "Content-Type": content}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60, context=self.context) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise Refused(error.code, _answer(error.read())) from None

    def kubectl(self, *arguments: str, text: str | None = None) -> str:
        """What kubectl prints; fails with what it says."""
        command = [str(self.programs / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def install_crds(self) -> None:
        """Have Timbre's kinds, as a user applies them."""
        self.kubectl("apply", "--server-side", "-f", str(_ROOT / "crds"))
        about = ("crd", "-l", "app.kubernetes.io/part-of=timbre")
        self.kubectl("wait", "--for=condition=Established", "--timeout=120s", *about)
        for plural in ("voiceprofiles", "speechengines"):
            self.wait(f"/apis/timbre.dev/v1alpha1/namespaces/default/{plural}")

    def wait(self, path: str) -> Any:
        """The answer of a GET that is there in a while, such as that of a new kind."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                return self.request("GET", path)
            except (Refused, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def _answer(content: bytes) -> dict[str, Any]:
    """The server's Status; for a kind that it does not know yet it answers in plain text."""
    try:
        told: dict[str, Any] = json.loads(content)
    except ValueError:
        return {"message": content.decode(errors="replace")}
    return told


def lacking() -> str:
    """What this machine lacks for one; "" where nothing."""
    folder = os.environ.get(ASSETS, "")
    if not folder:
        return f"{ASSETS} names no folder with {', '.join(_PROGRAMS)}"
    missing = [program for program in _PROGRAMS if not (Path(folder) / program).is_file()]
    return f"{ASSETS} lacks {', '.join(missing)}" if missing else ""


@contextmanager
def running(folder: Path) -> Iterator[ApiServer]:
    """One that keeps what it has below `folder` and ends with the context."""
    programs = Path(os.environ[ASSETS])
    peer, store, port = free_ports(3)
    token = secrets.token_hex(16)
    server = _files(folder, port, token, programs)
    audit_logs.append(server.audit)
    etcd = [programs / "etcd", "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--log-level", "error"]
    etcd += [f"--{kind}-client-urls=http://127.0.0.1:{store}" for kind in ("listen", "advertise")]
    etcd += [f"--{kind}-peer-urls=http://127.0.0.1:{peer}" for kind in ("listen", "initial-advertise")]
    etcd += [f"--initial-cluster=default=http://127.0.0.1:{peer}"]
    apiserver = [programs / "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{store}", f"--secure-port={port}"]
    apiserver += ["--bind-address=127.0.0.1", "--service-cluster-ip-range=10.255.0.0/24", "--authorization-mode=RBAC"]
    apiserver += [f"--tls-cert-file={folder}/tls.pem", f"--tls-private-key-file={folder}/tls.key"]
    apiserver += [f"--token-auth-file={folder}/tokens.csv", "--service-account-issuer=https://localhost"]
    apiserver += [f"--service-account-{kind}-file={folder}/tls.key" for kind in ("key", "signing-key")]
    apiserver += [f"--audit-policy-file={folder}/audit.yaml", f"--audit-log-path={server.audit}"]
    apiserver += ["--disable-admission-plugins=ServiceAccount", "--endpoint-reconciler-type=none"]
    with ExitStack() as stack:
        stack.enter_context(_process(etcd, folder / "etcd.log"))
        process = stack.enter_context(_process(apiserver, folder / "apiserver.log"))
        _wait_until_ready(server, process, folder / "apiserver.log")
        yield server


def _files(folder: Path, port: int, token: str, programs: Path) -> ApiServer:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.cert_chain_pems[0].write_to_path(folder / "tls.pem")
    certificate.private_key_pem.write_to_path(folder / "tls.key")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"]}
    (folder / "audit.yaml").write_text(yaml.safe_dump({**policy, "rules": [{"level": "Metadata"}]}))
    url = f"https://127.0.0.1:{port}"
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(folder / "ca.pem")}}],
        "users": [{"name": "admin", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    return ApiServer(url, folder / "kubeconfig", folder / "audit.log", token, context, programs)


@contextmanager
def _process(command: list[Any], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as output,
        subprocess.Popen([str(part) for part in command], stdout=output, stderr=output) as it,
    ):
        try:
            yield it
        finally:
            it.terminate()
            try:
                it.wait(30)
            except subprocess.TimeoutExpired:
                it.kill()


def _wait_until_ready(server: ApiServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            request = urllib.request.Request(
                f"{server.url}/readyz", headers={"Authorization": f"Bearer {server.token}"}
            )
            urllib.request.urlopen(request, timeout=10, context=server.context).close()
            return
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.1)
