"""The command line: what is wrong is said in one line, or in a box that names the flag."""

import os
import subprocess
from pathlib import Path

import pytest

from support.process import BIN


def serve(*arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [str(BIN / "timbre-bridge"), "serve", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).replace("│", " ").split())


ROUTES = "--routes=routes.json"


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ((), {}, "one of --routes and --routes-configmap is right"),
        ((ROUTES, "--routes-configmap=timbre-routes"), {}, "one of --routes and --routes-configmap is right"),
        (("--routes-configmap=timbre-routes",), {}, "--routes-configmap is for a pod"),
        (("--routes=/absent.json",), {}, "/absent.json: cannot be read (No such file or directory)"),
        ((ROUTES,), {"TIMBRE_BRIDGE_PROT": "1"}, "TIMBRE_BRIDGE_PROT: not a known variable"),
        ((ROUTES, "--prot=1"), {}, "--prot"),
        ((ROUTES, "--ahead=-1"), {}, "--ahead"),
        ((ROUTES,), {"TIMBRE_BRIDGE_PORT": "99999"}, "TIMBRE_BRIDGE_PORT"),
        ((ROUTES, "--host=0.0.0.0"), {}, "--host 0.0.0.0 is beyond loopback"),
        ((ROUTES, "--cert=a.pem"), {}, "--cert and --key go together"),
        ((ROUTES,), {"REDIS_URL": "http://x:password@y"}, "REDIS_URL: redis://"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_mistake_is_named(
    arguments: tuple[str, ...], environment: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "routes.json").write_text("{}")
    status, output = serve(*arguments, **environment)
    assert status != 0
    assert said in output
    assert "Traceback" not in output
    assert "password" not in output


def test_help_says_what_every_setting_means() -> None:
    status, output = serve("--help")
    assert status == 0
    assert "Seconds of audio sent ahead of what a" in output
