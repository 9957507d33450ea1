"""Redis Pub/Sub as the bridge's source: subscribe, hand over, and come back whenever the server was away."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from timbre_common.backoff import Backoff

log = logging.getLogger(__name__)

_PING_PERIOD: Final = 5.0
_DEAD_AFTER: Final = 12.0
"""Seconds without any answer after which the connection counts as dead, though the socket is open."""


class RedisSource:
    """Calls `receive(data)` for each message on `channel`, and `state(connected)` when the connection comes or goes.

    What is published while nobody is subscribed is gone: Pub/Sub delivers at most once.
    """

    def __init__(
        self, redis: Redis, channel: str, receive: Callable[[bytes], None], state: Callable[[bool], None]
    ) -> None:
        self._redis = redis
        self._channel = channel
        self._receive = receive
        self._state = state
        self.connected = False

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff(first=0.1, cap=2.0)
        while True:
            try:
                await self._subscription(backoff)
            except (RedisError, OSError, TimeoutError) as error:
                self._become(connected=False)
                if backoff.tries % 20 == 0:
                    log.warning("Redis is away (%s): trying again", _reason(error))
            await asyncio.sleep(backoff.next())

    async def _subscription(self, backoff: Backoff) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(self._channel)
            alive = pinged = time.monotonic()
            while True:
                message = await pubsub.get_message(timeout=1.0)
                now = time.monotonic()
                if message is not None:
                    alive = now
                    if message["type"] == "message":
                        self._receive(message["data"])
                    elif message["type"] == "subscribe":
                        self._become(connected=True)
                        backoff.reset()
                if now - pinged >= _PING_PERIOD:
                    pinged = now
                    async with asyncio.timeout(_PING_PERIOD):
                        await pubsub.ping()
                if now - alive >= _DEAD_AFTER:
                    raise TimeoutError("no answer")

    def _become(self, *, connected: bool) -> None:
        if connected != self.connected:
            self.connected = connected
            log.info("Redis: %s", "subscribed" if connected else "away")
            self._state(connected)


def _reason(error: Exception) -> str:
    """The kind of failure, without an address or a password."""
    return "authentication failed" if isinstance(error, AuthenticationError) else type(error).__name__
