"""The whole house, over networks that tests cut, stall and mend."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from support.house import House
from support.relay import Relay


@dataclass
class Relayed(House):
    """A house with relays between the bridge and its engine, and between the bridge and Redis."""

    async def prepare(self, stack: AsyncExitStack) -> None:
        self.to_engine = await stack.enter_async_context(Relay(self.engine.url.removeprefix("http://")))
        self.to_redis = await stack.enter_async_context(Relay(self.redis_url.removeprefix("redis://")))
        self.redis_url = f"redis://127.0.0.1:{self.to_redis.port}"
        self.write_routes(f"http://127.0.0.1:{self.to_engine.port}")
