"""Several operators, operators that end, and an API server that is away: it converges, and one at a time writes."""

import asyncio
import os
import signal
import time
from pathlib import Path

import yaml

from support import accounts
from support.namespace import Namespace, until
from support.operator_process import OperatorProcess, changes, lines, requests
from support.relay import Relay

AWAY_S = float(os.environ.get("SOAK_AWAY_SECONDS", "12"))
"""For how long the API server is away; `make soak` takes 90 s, past the end of what kopf would wait by itself."""


def account(here: Namespace) -> Path:
    return accounts.operator(here.api, here.name, [here.name])


def replica(here: Namespace, *arguments: str, kubeconfig: Path | None = None) -> OperatorProcess:
    return OperatorProcess(kubeconfig or account(here), here.name, "--namespace", here.name, *arguments)


def holder(here: Namespace) -> str:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{here.name}/leases/timbre-operator"
    found: str = here.api.request("GET", path)["spec"]["holderIdentity"]
    return found


async def test_one_leads_and_another_takes_over_within_15_seconds_of_its_sudden_end(here: Namespace) -> None:
    first, second = replica(here), replica(here)
    async with second:
        await until(second.leads)
        async with first:
            here.apply()
            await until(lambda: here.there("deployments"))
            assert not first.leads()
            await second.stop(signal.SIGKILL)
            ended = time.monotonic()
            here.delete("services")
            await until(first.leads)
            took = time.monotonic() - ended
            assert took <= 15, f"{took:.1f} s"
            await until(lambda: here.there("services"))


async def test_a_leader_that_is_told_to_stop_hands_over_at_once(here: Namespace) -> None:
    async with replica(here, "--lease-seconds", "60") as first:
        await until(first.leads)
        async with replica(here, "--lease-seconds", "5") as second:
            before = holder(here)
            assert await first.stop() == 0
            await until(second.leads, 30)
            assert holder(here) not in ("", before)


async def test_a_replica_that_stands_by_writes_nothing(here: Namespace) -> None:
    async with replica(here) as first:
        await until(first.leads)
        async with replica(here) as second:
            here.apply(replicas=2)
            await until(lambda: here.conditions()["Ready"][1] == "PodsNotReady")
            assert not second.leads()
            assert "timbre_operator_leader 1.0" in await asyncio.to_thread(first.get, "/metrics")
            told = await asyncio.to_thread(second.get, "/metrics")
            assert "timbre_operator_leader 0.0" in told
            assert 'timbre_operator_reconcile_seconds_count{kind="engine"} 0.0' in told


async def test_two_operators_by_mistake_agree(here: Namespace) -> None:
    """With Leases of two names both lead: what they write is the same, so they come to rest."""
    async with replica(here) as first, replica(here, "--lease-name", "other") as second:
        await until(first.leads)
        await until(second.leads)
        here.apply(replicas=2)
        await until(lambda: here.conditions()["Ready"][1] == "PodsNotReady")
        await until(lambda: here.there("poddisruptionbudgets"))
        quiet = await asyncio.to_thread(_quiet, here)
        assert quiet, "they write on and on"


def _quiet(here: Namespace) -> bool:
    """Whether two looks at the SpeechEngine by each lead to no write, within a minute."""
    for label in range(20):
        since = lines(here.api)
        here.patch("speechengines", {"metadata": {"labels": {"touched": str(label)}}}, "default")
        deadline = time.monotonic() + 30
        while here.passes(since) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        made = [
            each for each in requests(here.api, since=since) if each.get("objectRef", {}).get("namespace") == here.name
        ]
        if not changes(made):
            return True
    return False


async def test_an_api_server_that_is_away_and_comes_back(here: Namespace, tmp_path: Path) -> None:
    config = yaml.safe_load(account(here).read_text())
    async with Relay(here.api.url.removeprefix("https://")) as relay:
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{relay.port}"
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(config))
        async with replica(here, "--lease-seconds", "3", kubeconfig=kubeconfig) as operator:
            await until(operator.leads)
            here.apply()
            await until(lambda: here.there("deployments"))
            await relay.cut()
            here.apply(replicas=3)
            here.delete("services")
            await asyncio.sleep(AWAY_S)
            assert any("leads no more" in line for line in operator.log)
            assert "last active" in await asyncio.to_thread(operator.get, "/healthz"), "it is not restarted for that"
            await relay.mend()
            await until(lambda: here.get("deployments")["spec"]["replicas"] == 3)
            await until(lambda: here.there("services"))
        assert not any("Traceback" in line for line in operator.log)
