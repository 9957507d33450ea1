"""`timbre say`."""

import asyncio
import os
from typing import Annotated

from cyclopts import Parameter

from timbre.address import DEFAULT_URL
from timbre.commands.common import Ca, Channel, Room, TokenFile, Url, client
from timbre.errors import NotSpoken
from timbre.speaking import Spoken
from timbre_common.names import DEFAULT_CHANNEL, DEFAULT_REDIS_URL, ENV_REDIS_URL


def say(
    agent: Annotated[str, Parameter(help="Who speaks: lisa, electra, renarde, …")],
    text: Annotated[str, Parameter(help="What is said; Markdown and stage directions are not read aloud.")],
    /,
    *,
    emotion: Annotated[str | None, Parameter(help="happy, sad, angry, shy, alert, surprised, thinking, …")] = None,
    language: Annotated[str | None, Parameter(help="The text's language, as fr or en-GB.")] = None,
    room: Room = None,
    timeout: Annotated[float, Parameter(help="Seconds to wait for the first sound.")] = 10.0,
    channel: Channel = DEFAULT_CHANNEL,
    url: Url = DEFAULT_URL,
    ca: Ca = None,
    token_file: TokenFile = None,
) -> None:
    """Make an agent speak, and tell when the first sound was sent.

    The message goes to Redis, as an agent's own would: to the one that REDIS_URL names, or to that of `timbre run` on
    this machine. Where --url is given and REDIS_URL is not, it goes to the bridge, with a token that may speak.
    """

    async def run() -> Spoken:
        async with client(url, ca, token_file, redis_url(url), channel) as voices:
            return await voices.say(agent, text, emotion=emotion, language=language, room=room, timeout=timeout)

    print(report(asyncio.run(run())))


def redis_url(url: str) -> str | None:
    """The Redis to publish on; None where only a bridge was named."""
    named = os.environ.get(ENV_REDIS_URL)
    return named or (DEFAULT_REDIS_URL if url == DEFAULT_URL else None)


def report(spoken: Spoken) -> str:
    """What became of it, for a person. Raises NotSpoken where nothing was said."""
    if spoken.first_sound_s is None:
        why = "the text holds nothing to say" if spoken.reason == "empty" else f"the speech ended as {spoken.reason}"
        raise NotSpoken(f"{spoken.agent_id} says nothing: {why}")
    line = f"{spoken.agent_id} speaks: first sound sent after {spoken.first_sound_s * 1000:.0f} ms"
    match spoken.listeners:
        case None:
            return line
        case 0:
            return f"{line}, but nobody listens (timbre listen --agent {spoken.agent_id})"
        case 1:
            return f"{line} to 1 listener"
        case many:
            return f"{line} to {many} listeners"
