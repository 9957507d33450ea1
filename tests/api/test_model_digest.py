"""A SpeechEngine that names its model by digest, before a real API server; kubelet and controllers are played."""

from typing import Any

from support import accounts
from support.apiserver import ApiServer
from support.namespace import Namespace, until
from support.operator_process import OperatorProcess
from timbre_common.names import EXIT_OTHER_FILE
from timbre_operator import names

FIRST, SECOND = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
TOLD = f"the model in /models is {SECOND}, and {FIRST} is wanted"


def model(digest: str) -> dict[str, Any]:
    return {"backend": "qwen3tts", "model": {"huggingFace": {"repository": "who/voice"}, "digest": digest}}


def rolled(here: Namespace, digest: str) -> bool:
    """Whether the Deployment wants pods of that model."""
    template = here.get("deployments")["spec"]["template"]
    told: dict[str, str] = {each["name"]: each["value"] for each in template["spec"]["containers"][0]["env"]}
    annotations: dict[str, str] = template["metadata"]["annotations"]
    return {told["TIMBRE_ENGINE_MODEL_DIGEST"], annotations[names.MODEL_DIGEST]} == {digest}


def pod(here: Namespace, name: str) -> None:
    """A pod as the Deployment wants it."""
    template = here.get("deployments")["spec"]["template"]
    body = {"metadata": {"name": name, **template["metadata"]}, "spec": template["spec"]}
    here.api.request("POST", f"/api/v1/namespaces/{here.name}/pods", body)


def container(here: Namespace, name: str, *, ready: bool, state: dict[str, Any], last: dict[str, Any]) -> None:
    """What the kubelet says of a pod's engine."""
    status = {"name": "engine", "image": "x", "imageID": "", "restartCount": 1, "ready": ready, "started": ready}
    status |= {"state": state, "lastState": last}
    conditions = [{"type": "Ready", "status": str(ready)}]
    here.patch("pods", {"status": {"conditions": conditions, "containerStatuses": [status]}}, name, "/status")


def counted(here: Namespace, ready: int) -> None:
    """What the Deployment's controller says."""
    status = {"replicas": 1, "readyReplicas": ready, "observedGeneration": 1}
    here.patch("deployments", {"status": status}, sub="/status")


async def test_another_model_is_said_and_heals_where_it_or_the_spec_is_mended(api: ApiServer, here: Namespace) -> None:
    kubeconfig = accounts.operator(api, here.name, [here.name])
    refused = {"terminated": {"exitCode": EXIT_OTHER_FILE, "reason": "Error", "message": TOLD}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    async with OperatorProcess(kubeconfig, here.name, "--namespace", here.name, ready=r"leads$"):
        here.apply(**model(FIRST))
        await until(lambda: rolled(here, FIRST))
        pod(here, "one")
        container(here, "one", ready=False, state=waiting, last=refused)
        await until(lambda: here.conditions()["Degraded"] == ("True", "ModelMismatch"))
        assert here.conditions()["Ready"] == ("False", "ModelMismatch")
        said = here.get("speechengines", "default")["status"]["conditions"]
        assert all(each["message"] == f"pod one: {TOLD}" for each in said if each["type"] in ("Ready", "Degraded"))
        events = here.api.request("GET", f"/api/v1/namespaces/{here.name}/events")["items"]
        assert [each["note"] if "note" in each else each["message"] for each in events] == [f"pod one: {TOLD}"]

        container(here, "one", ready=True, state={"running": {}}, last=refused)  # the model was mended
        counted(here, 1)
        await until(lambda: here.conditions()["Ready"] == ("True", "Available"))
        assert here.conditions()["Degraded"] == ("False", "AsWanted")

        here.patch("speechengines", {"spec": {"model": {"digest": SECOND}}}, "default")  # the spec was
        await until(lambda: rolled(here, SECOND))
        await until(lambda: here.conditions()["Ready"] == ("False", "PodsNotReady"))
        assert here.get("speechengines", "default")["status"]["readyReplicas"] == 0, "it has the model of before"
        pod(here, "two")
        container(here, "two", ready=True, state={"running": {}}, last={})
        here.api.request("DELETE", here.path("pods", "one"), {"gracePeriodSeconds": 0})
        await until(lambda: here.conditions()["Ready"] == ("True", "Available"))
