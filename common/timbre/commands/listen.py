"""`timbre listen`."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from cyclopts import Parameter

from timbre.address import DEFAULT_URL
from timbre.commands.captions import Captions
from timbre.commands.common import Ca, TokenFile, Url, client
from timbre.commands.sound import Speaker, WavFile
from timbre.events import Audio, AudioDone, Cancelled
from timbre.listening import Listening
from timbre_common.audio import seconds_of_samples
from timbre_common.errors import SetupError


class Sink(Protocol):
    """Takes sound."""

    def __call__(self, pcm: bytes, /) -> None:
        """Take int16 samples."""


@dataclass(frozen=True)
class Limits:
    """When to stop by itself; None: never."""

    seconds: float | None
    utterances: int | None


def listen(
    *,
    agent: Annotated[
        list[str] | None, Parameter(negative="", help="Whom to hear; may be given again (default: all).")
    ] = None,
    room: Annotated[list[str] | None, Parameter(negative="", help="Where; may be given again (default: all).")] = None,
    wav: Annotated[Path | None, Parameter(help="Write what is heard to this file, 24 kHz mono.")] = None,
    seconds: Annotated[float | None, Parameter(help="Stop after so many seconds.")] = None,
    utterances: Annotated[int | None, Parameter(help="Stop after so many utterances.")] = None,
    captions: Annotated[bool, Parameter(help="Print what is said.")] = True,
    quiet: Annotated[bool, Parameter(negative="", help="Print nothing, and play nothing aloud.")] = False,
    url: Url = DEFAULT_URL,
    ca: Ca = None,
    token_file: TokenFile = None,
) -> None:
    """Hear what agents say: aloud where there is a sound device, into a file, and as captions.

    Several agents go into one file in the order in which their sound comes; give --agent or --room to hear one alone.
    Ctrl-C stops, and completes the file.
    """
    limits = Limits(seconds, utterances)
    screen = None if quiet else Captions(colours=sys.stdout.isatty() and "NO_COLOR" not in os.environ, texts=captions)

    async def run(outputs: contextlib.ExitStack) -> None:
        sinks: list[Sink] = [file.write] if file else []
        async with client(url, ca, token_file) as voices, voices.listen(agent, room) as heard:
            if screen is not None:
                sinks += _aloud(outputs)
                print(f"listening to {', '.join(agent or ['all agents'])} at {url.partition('#')[0]}; Ctrl-C stops")
            await _until_stopped(_hear(heard, sinks, screen, limits), limits)

    with contextlib.ExitStack() as outputs:
        file = outputs.enter_context(WavFile(wav)) if wav else None
        asyncio.run(run(outputs))
    if file and not quiet:
        print(f"wrote {seconds_of_samples(file.samples):.1f} s to {wav}")


async def _hear(heard: Listening, sinks: list[Sink], screen: Captions | None, limits: Limits) -> None:
    ended = 0
    async for event in heard:
        if screen is not None:
            print(screen.write(event), end="", flush=True)
        if isinstance(event, Audio):
            for sink in sinks:
                sink(event.data)
        ended += isinstance(event, AudioDone | Cancelled)
        if ended == limits.utterances:
            return


async def _until_stopped(hearing: Coroutine[Any, Any, None], limits: Limits) -> None:
    """Run until it ends, its time is over, or Ctrl-C or SIGTERM comes: all three are a clean end."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(hearing)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        async with asyncio.timeout(limits.seconds) as clock:
            await task
    except TimeoutError:
        if not clock.expired():
            raise
    except asyncio.CancelledError:
        pass
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _aloud(outputs: contextlib.ExitStack) -> list[Sink]:
    """The speaker, where there is one; otherwise one line says why not."""
    try:
        return [outputs.enter_context(Speaker()).play]
    except SetupError as error:
        sys.stderr.write(f"timbre: {error}\n")
        return []
