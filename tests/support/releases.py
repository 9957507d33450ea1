"""Releases of charts on a cluster, with Helm 3 as a command and with Helm 4 as a library."""

import importlib.util
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from support.helm import Object, helm, helm_path


class Releases(Protocol):
    """What is done with releases; what fails fails the test."""

    def install(self, chart: Path, release: str, namespace: str, values: Object | None = None) -> None: ...

    def upgrade(self, chart: Path, release: str, namespace: str, values: Object | None = None) -> None: ...

    def rollback(self, release: str, namespace: str, revision: int) -> None: ...

    def uninstall(self, release: str, namespace: str) -> None: ...


class Helm3:
    """The command."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        helm_path()
        self._folder = folder
        self._env = {
            "KUBECONFIG": str(kubeconfig),
            **{f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")},
        }

    def install(self, chart: Path, release: str, namespace: str, values: Object | None = None, *more: str) -> None:
        self._run("install", release, str(chart), f"--values={self._values(values)}", *more, namespace=namespace)

    def upgrade(self, chart: Path, release: str, namespace: str, values: Object | None = None) -> None:
        self._run("upgrade", release, str(chart), f"--values={self._values(values)}", namespace=namespace)

    def rollback(self, release: str, namespace: str, revision: int) -> None:
        self._run("rollback", release, str(revision), namespace=namespace)

    def uninstall(self, release: str, namespace: str) -> None:
        self._run("uninstall", release, namespace=namespace)

    def _run(self, *arguments: str, namespace: str) -> None:
        helm(*arguments, f"--namespace={namespace}", env=self._env)

    def _values(self, values: Object | None) -> Path:
        path = self._folder / "values.yaml"
        path.write_text(yaml.safe_dump(values or {}))
        return path


class Helm4:
    """The library."""

    def __init__(self, kubeconfig: Path) -> None:
        if importlib.util.find_spec("helm_python") is None:
            pytest.skip("no Helm 4 for this platform (PyPI: helm-python-sdk)")
        self._kubeconfig = kubeconfig

    def install(self, chart: Path, release: str, namespace: str, values: Object | None = None) -> None:
        with self._in(namespace) as it:
            it.install(chart, release, values or {}, namespace=namespace)

    def upgrade(self, chart: Path, release: str, namespace: str, values: Object | None = None) -> None:
        with self._in(namespace) as it:
            it.upgrade(chart, release, values or {}, namespace=namespace)

    def rollback(self, release: str, namespace: str, revision: int) -> None:
        with self._in(namespace) as it:
            it.rollback(release, version=revision)

    def uninstall(self, release: str, namespace: str) -> None:
        with self._in(namespace) as it:
            it.uninstall(release)

    def _in(self, namespace: str) -> Any:
        import helm_python

        return helm_python.Config(kubeconfig_path=self._kubeconfig, namespace=namespace)
