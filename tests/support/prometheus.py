"""A real Prometheus for tests: scrapes what it is told each second, and answers queries."""

import asyncio
import json
import shutil
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import yaml

from support.process import Process, free_port


@dataclass(frozen=True)
class Target:
    """What is scraped. labels: what a scrape in the cluster would add, such as namespace, pod and engine."""

    job: str
    url: str
    labels: dict[str, str]


def tool(name: str) -> str:
    """Where `prometheus` or `promtool` is; skips the test where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} on this machine (Debian: apt-get install prometheus)")
    return found


class Prometheus(Process):
    """`prometheus` in a directory. `host`: where it listens."""

    def __init__(self, directory: Path, targets: Iterable[Target] = (), host: str = "127.0.0.1") -> None:
        self._targets = directory / "targets.json"
        self.scrape(targets)
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "tests", "file_sd_configs": [{"files": [str(self._targets)]}]}],
        }
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.url = f"http://{host}:{free_port()}"
        super().__init__(
            tool("prometheus"),
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            ready=r"Server is ready to receive web requests",
        )

    def scrape(self, targets: Iterable[Target]) -> None:
        """Scrape these, and no others any more."""
        groups = [
            {"targets": [urlsplit(target.url).netloc], "labels": {"job": target.job, **target.labels}}
            for target in targets
        ]
        written = self._targets.with_suffix(".new")
        written.write_text(json.dumps(groups))
        written.replace(self._targets)

    async def query(self, expr: str) -> list[dict[str, Any]]:
        """The instant vector."""
        return await self._ask("query", query=expr)

    async def query_range(self, expr: str, seconds: float, step: float) -> list[dict[str, Any]]:
        """The series over the last `seconds`."""
        now = time.time()
        return await self._ask("query_range", query=expr, start=str(now - seconds), end=str(now), step=str(step))

    async def has(self, expr: str, within: float = 30.0) -> list[dict[str, Any]]:
        """The instant vector, once it has a value that is a number."""
        async with asyncio.timeout(within):
            while True:
                numbers = [each for each in await self.query(expr) if each["value"][1] != "NaN"]
                if numbers:
                    return numbers
                await asyncio.sleep(0.25)

    async def _ask(self, what: str, **parameters: str) -> list[dict[str, Any]]:
        address = f"{self.url}/api/v1/{what}?{urlencode(parameters)}"

        def fetch() -> list[dict[str, Any]]:
            with urllib.request.urlopen(address, timeout=10) as answer:
                result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
                return result

        return await asyncio.to_thread(fetch)
