"""podman and podman-compose here, or in a virtual machine without systemd."""

import os
import subprocess
from pathlib import Path
from typing import Final

WITHIN_S: Final = 120.0
_CONFIG: Final = Path(__file__).with_name("containers.conf")


def run(*command: str, directory: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command to its end, with what it prints."""
    # Not as a part of the make that runs the tests.
    outer = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}}
    environment = {"CONTAINERS_CONF": str(_CONFIG)} | outer
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


def output(*command: str, directory: Path | None = None) -> str:
    """What it prints. Raises AssertionError with all that it says where it fails."""
    done = run(*command, directory=directory)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
