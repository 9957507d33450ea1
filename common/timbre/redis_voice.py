"""`say` over Redis: subscribe, publish, and wait for the bridge's word."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from timbre.address import without_password
from timbre.errors import BridgeUnavailable, NotSpoken
from timbre.speaking import Answers, Spoken, Wait
from timbre_common.errors import InvalidInput, RedisUnavailable, TimbreError, Unauthorized
from timbre_common.hlink import Message

CONNECT_TIMEOUT = 5.0
"""Seconds to reach Redis."""


class RedisVoice:
    """Says messages on one channel of one Redis. The URL may hold a password; it never shows in an error."""

    def __init__(self, url: str, channel: str) -> None:
        self._channel = channel
        self._shown = without_password(url)
        try:
            self._redis = Redis.from_url(url, socket_connect_timeout=CONNECT_TIMEOUT, retry=Retry(NoBackoff(), 0))
        except (ValueError, RedisError) as error:
            raise InvalidInput(f"redis://host:port or rediss://host:port is right ({error})", "redis_url") from None

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    async def say(self, message: Message, wait: Wait, timeout: float) -> Spoken:  # noqa: ASYNC109 -- tells the start's from the end's
        """Publish `message` and wait for what `wait` names; `timeout` bounds the time to the first sound.

        Raises BridgeUnavailable where nobody hears the channel, NotSpoken, RedisUnavailable, Unauthorized.
        """
        async with self._errors():
            if wait is Wait.SENT:
                self._heard(await self._redis.publish(self._channel, message.encode()), own=0)
                return Spoken(message.agent_id, message.id)
            async with self._redis.pubsub() as channel:
                await channel.subscribe(self._channel)
                if await channel.get_message(timeout=CONNECT_TIMEOUT) is None:
                    raise RedisUnavailable(f"Redis at {self._shown} does not confirm a subscription")
                # What is published after the confirmation cannot be missed.
                answers = Answers(message, time.monotonic())
                self._heard(await self._redis.publish(self._channel, message.encode()), own=1)
                return await _follow(channel, answers, wait, timeout)

    def _heard(self, subscribers: int, own: int) -> None:
        if subscribers <= own:
            raise BridgeUnavailable(
                f"no bridge listens on channel {self._channel!r} of {self._shown}: "
                "is `timbre run` up, and does it use this Redis?"
            )

    @asynccontextmanager
    async def _errors(self) -> AsyncIterator[None]:
        try:
            yield
        except (AuthenticationError, NoPermissionError) as error:
            raise Unauthorized(f"Redis at {self._shown} refuses: {error}") from error
        except TimbreError:
            raise
        except (RedisError, OSError) as error:
            raise RedisUnavailable(f"Redis does not answer at {self._shown}: {_short(error)}") from error


async def _follow(channel: PubSub, answers: Answers, wait: Wait, timeout: float) -> Spoken:  # noqa: ASYNC109 -- see say
    deadline = answers.sent_at + timeout
    while not answers.enough(wait):
        left = None if answers.spoken.first_sound_s is not None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise NotSpoken(
                f"no sound of {answers.message.agent_id} within {timeout:g} s: other speech may come first, "
                "or the engine is slow or away; see the bridge's /healthz"
            )
        received = await channel.get_message(timeout=left)
        if received is not None and received["type"] == "message":
            answers.receive(received["data"], time.monotonic())
    return answers.spoken


def _short(error: Exception) -> str:
    return "it takes too long" if isinstance(error, asyncio.TimeoutError | TimeoutError) else str(error) or repr(error)
