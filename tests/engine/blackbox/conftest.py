"""Real engine processes; one of full speed is shared by the tests of a module."""

from collections.abc import AsyncIterator

import pytest_asyncio

from support.engine_process import EngineProcess, house_voices


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncIterator[EngineProcess]:
    async with EngineProcess("--slots=4", "--queue=4", voices=house_voices()) as engine:
        yield engine
