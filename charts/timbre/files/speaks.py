"""What `helm test` runs: the bridge has Redis and its engines, and the first agent with a voice speaks."""

import asyncio
import json
import os
import sys
import time
import urllib.request
from typing import Any

import timbre

WITHIN = float(os.environ.get("WITHIN", "120"))
"""Seconds that all parts get to find each other."""


def health() -> dict[str, Any]:
    """What the bridge says of its parts, or why it says nothing."""
    try:
        with urllib.request.urlopen(f"{os.environ['BRIDGE']}/healthz", timeout=5) as answer:  # noqa: S310 -- the chart's
            state: dict[str, Any] = json.load(answer)
            return state
    except OSError as error:
        return {"status": str(error)}


def well(state: dict[str, Any]) -> bool:
    """Whether Redis is there, and the chart's engine where it makes one."""
    engine = os.environ["ENGINE"]
    return state["status"] == "ok" and (not engine or engine in state["engines"])


async def say(agent: str) -> None:
    """Make the agent speak, over Redis as agents do."""
    async with timbre.Client(redis_url=os.environ["REDIS_URL"], channel=os.environ["CHANNEL"]) as client:
        spoken = await client.say(agent, "1, 2, 3", timeout=30)
        sys.stdout.write(f"{agent} speaks: first sound after {(spoken.first_sound_s or 0) * 1000:.0f} ms\n")


end = time.monotonic() + WITHIN
while not well(state := health()):
    if time.monotonic() > end:
        sys.exit(f"the bridge is not well: {state}")
    time.sleep(1)
sys.stdout.write(f"{state}\n")
if state["agents"]:
    asyncio.run(say(state["agents"][0]))
else:
    sys.stdout.write("no agent has a voice: apply a VoiceProfile, and test again\n")
