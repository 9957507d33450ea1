"""The command `timbre-operator`, as a user and a container meet it."""

import asyncio
import dataclasses
import os
from pathlib import Path

import pytest

from support.process import BIN
from timbre_operator.settings import Settings


async def run(*arguments: str, **environ: str) -> tuple[int, str]:
    """Exit status and all that it printed."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KUBE", "TIMBRE_OPERATOR"))}
    process = await asyncio.create_subprocess_exec(
        str(BIN / "timbre-operator"),
        *arguments,
        env={**kept, "HOME": "/nonexistent", "COLUMNS": "200", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def test_help_names_every_setting() -> None:
    status, printed = await run("run", "--help")
    assert status == 0
    for field in dataclasses.fields(Settings):
        assert f"--{field.name.replace('_', '-')}" in printed
        assert f"TIMBRE_OPERATOR_{field.name.upper()}" in printed


async def test_a_variable_that_is_none_is_refused() -> None:
    status, printed = await run("preflight", TIMBRE_OPERATOR_NAMESPACES="a")
    assert status == 1 and "TIMBRE_OPERATOR_NAMESPACES: not a known variable" in printed


@pytest.mark.parametrize("command", ["run", "preflight"])
async def test_without_a_cluster_one_line_says_what_to_do(command: str) -> None:
    status, printed = await run(command)
    assert status == 1
    last = printed.strip().splitlines()[-1]
    assert last.startswith("timbre-operator: no way to a Kubernetes API server") and "KUBECONFIG" in last
    assert "Traceback" not in printed


async def test_a_server_that_is_away_is_said_by_the_preflight(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, current-context: a, users: [{name: a, user: {token: t}}],"
        " clusters: [{name: a, cluster: {server: 'http://127.0.0.1:9'}}],"
        " contexts: [{name: a, context: {cluster: a, user: a}}]}"
    )
    status, printed = await run("preflight", "--kubeconfig", str(kubeconfig))
    assert status == 1 and "127.0.0.1" in printed and "Traceback" not in printed
