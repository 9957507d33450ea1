"""The images, as `make images` builds them, and what runs them here."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
REGISTRY: Final = os.environ.get("REGISTRY", "localhost")
TAG: Final = os.environ.get("TAG", "dev")
BASE: Final = os.environ.get("BASE", "localhost/python:3.11-slim")


def image(component: str) -> str:
    """A component's image; also `test-redis`."""
    return f"{REGISTRY}/timbre-{component}:{TAG}"


def require_podman(*components: str) -> None:
    """Skip where podman, podman-compose or an image is missing."""
    for program in ("podman", "podman-compose"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    for component in components:
        if subprocess.run(["podman", "image", "exists", image(component)], check=False).returncode:
            pytest.skip(f"there is no image {image(component)}: make images builds it")
