"""Hearing what an agent says by Timbre's own client, where bridge and Redis are somewhere else."""

import asyncio
from dataclasses import dataclass

import numpy as np

import timbre
from support.house import message
from timbre.events import Audio, AudioDone, AudioStarted
from timbre.redis_voice import RedisVoice
from timbre.speaking import Wait
from timbre_common.names import DEFAULT_CHANNEL
from timbre_common.protocol import DoneReason


@dataclass(frozen=True)
class Heard:
    """One utterance as it came."""

    agent: str
    pcm: bytes
    done: AudioDone

    def check(self, least_s: float = 0.5) -> None:
        """It was said to its end, nothing was lost, and there is sound in it."""
        assert self.done.reason is DoneReason.FINISHED and self.done.complete, self.done
        samples = np.frombuffer(self.pcm, "<i2").astype(float)
        assert len(samples) == self.done.samples >= least_s * 24_000, self.done
        assert np.abs(samples).max() > 500


async def hear(
    url: str,
    redis_url: str,
    token: str | None,
    agent: str,
    text: str,
    within: float = 60.0,
    sounding: asyncio.Event | None = None,
) -> Heard:
    """Publish an H-Link message on Redis, and hear it from the bridge; `sounding` is set at the first of its sound.

    Raises TimeoutError.
    """
    async with timbre.Client(url, token=token) as client, client.listen([agent]) as listening:
        async with asyncio.timeout(within):
            await publish(redis_url, agent, text)
            pcm: dict[str, bytes] = {}
            async for event in listening:
                if isinstance(event, AudioStarted):
                    pcm[event.context_id] = b""
                elif isinstance(event, Audio):
                    pcm[event.context_id] += event.data
                    if sounding is not None:
                        sounding.set()
                elif isinstance(event, AudioDone) and event.context_id in pcm:
                    return Heard(agent, pcm[event.context_id], event)
    raise AssertionError("the bridge went away")


async def publish(redis_url: str, agent: str, text: str) -> None:
    """An H-Link message on `broadcast`, as an agent publishes it."""
    voice = RedisVoice(redis_url, DEFAULT_CHANNEL)
    try:
        await voice.say(message(agent, text), Wait.SENT, 10.0)
    finally:
        await voice.close()
