"""What `helm test` runs, here against a bridge, an engine and a Valkey as processes."""

import asyncio
import sys

import pytest

from support.helm import CHART
from support.house import House


async def run(house: House, engine: str) -> tuple[int | None, str]:
    """(exit status, what it says)."""
    variables = {
        "BRIDGE": house.url,
        "REDIS_URL": house.redis_url,
        "CHANNEL": "broadcast",
        "ENGINE": engine,
        "WITHIN": "1",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        (CHART / "files" / "speaks.py").read_text(),
        env=house.bridge.env | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


@pytest.mark.parametrize(
    ("engine", "status", "told"),
    [
        ("default", 0, "electra speaks: first sound after"),
        ("", 0, "electra speaks: first sound after"),
        ("other", 1, "the bridge is not well: {'status': 'ok'"),
    ],
)
async def test_it_says_whether_an_agent_speaks(engine: str, status: int, told: str) -> None:
    async with House() as house:
        code, said = await run(house, engine)
        assert code == status, said
        assert told in said
