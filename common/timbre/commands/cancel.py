"""`timbre cancel`."""

import asyncio
from typing import Annotated

from cyclopts import Parameter

from timbre.address import DEFAULT_URL
from timbre.commands.common import Ca, TokenFile, Url, client
from timbre.events import Cancelled


def cancel(
    context: Annotated[str, Parameter(help="The utterance's context_id, as `timbre listen` prints it.")],
    /,
    *,
    played_ms: Annotated[float | None, Parameter(help="Milliseconds of it that were heard.")] = None,
    url: Url = DEFAULT_URL,
    ca: Ca = None,
    token_file: TokenFile = None,
) -> None:
    """Cut an utterance short, and tell what was heard of it."""

    async def run() -> Cancelled:
        async with client(url, ca, token_file) as voices:
            return await voices.cancel(context, played_ms)

    cancelled = asyncio.run(run())
    print(f"cancelled after {cancelled.heard_ms / 1000:.1f} s; heard: {cancelled.heard_text!r}")
