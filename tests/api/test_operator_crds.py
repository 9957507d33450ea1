"""CRDs that are removed and installed again while an operator runs, before an API server of the test's own."""

from pathlib import Path

import pytest

from support import accounts, apiserver
from support.apiserver import ApiServer
from support.namespace import Namespace, until
from support.operator_process import OperatorProcess

ROOT = Path(__file__).parents[2]


def install(api: ApiServer) -> None:
    api.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    for plural in ("voiceprofiles", "speechengines"):
        api.wait(f"/apis/timbre.dev/v1alpha1/namespaces/default/{plural}")


async def test_an_operator_outlives_its_resources_and_serves_them_when_they_are_back(tmp_path: Path) -> None:
    lacking = apiserver.lacking()
    if lacking:
        pytest.skip(lacking)
    with apiserver.running(tmp_path) as api:
        here = Namespace(api, "here")
        kubeconfig = accounts.operator(api, here.name, [here.name])
        async with OperatorProcess(kubeconfig, here.name, "--namespace", here.name) as operator:
            await until(lambda: any("SpeechEngine" in line and "is not there" in line for line in operator.log))
            install(api)
            await until(operator.leads)
            here.apply()
            await until(lambda: here.there("deployments"))

            api.kubectl("delete", "-f", str(ROOT / "crds"))
            await until(lambda: any("the watches begin anew" in line for line in operator.log))
            here.delete("deployments")  # as the garbage collector would
            install(api)
            here.apply()
            await until(lambda: here.there("deployments"))
            # Once more by its event alone: the look over everything is minutes away.
            here.apply(replicas=3)
            await until(lambda: here.get("deployments")["spec"]["replicas"] == 3)
