"""The client for threads and scripts: the asynchronous one on an event loop in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Generator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from timbre.address import DEFAULT_URL
from timbre.client import Client
from timbre.events import Cancelled, Event
from timbre.listening import Listening
from timbre.speaking import Spoken, Wait
from timbre_common.names import DEFAULT_CHANNEL

T = TypeVar("T")


class SyncClient:
    """`Client` without `await`: same arguments, same errors. Its methods may be called from several threads.

    with SyncClient(redis_url="redis://127.0.0.1:6390") as client:
        print(client.say("lisa", "Bonjour à tous").first_sound_s)
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        redis_url: str | None = None,
        token: str | None = None,
        ca: str | None = None,
        channel: str = DEFAULT_CHANNEL,
    ) -> None:
        self._client = Client(url, redis_url=redis_url, token=token, ca=ca, channel=channel)
        self._listenings: set[Listening] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="timbre-client", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def say(
        self,
        agent: str,
        text: str,
        *,
        emotion: str | None = None,
        language: str | None = None,
        room: str | None = None,
        wait: Wait | str = Wait.START,
        timeout: float = 10.0,
    ) -> Spoken:
        """See Client.say."""
        return self._run(
            self._client.say(agent, text, emotion=emotion, language=language, room=room, wait=wait, timeout=timeout)
        )

    def listen(
        self,
        agents: Sequence[str] | None = None,
        rooms: Sequence[str] | None = None,
        *,
        encodings: Sequence[str] = ("s16le",),
        captions: bool = True,
        join: str = "live",
    ) -> Generator[Event, None, None]:
        """See Client.listen. Connects at once; leaving the loop over it, or closing the iterator, stops hearing."""
        listening = self._client.listen(agents, rooms, encodings=encodings, captions=captions, join=join)
        self._run(listening.__aenter__())
        self._listenings.add(listening)
        return self._events(listening)

    def _events(self, listening: Listening) -> Generator[Event, None, None]:
        try:
            while (event := self._run(_next(listening))) is not None:
                yield event
        finally:
            self._listenings.discard(listening)
            if not self._loop.is_closed():
                self._run(listening.close())

    def cancel(self, context_id: str, played_ms: float | None = None) -> Cancelled:
        """See Client.cancel."""
        return self._run(self._client.cancel(context_id, played_ms))

    def close(self) -> None:
        """Close what is open, and end the thread. Idempotent."""
        if self._loop.is_closed():
            return
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _shut(self) -> None:
        await self._client.close()
        for listening in self._listenings:
            await listening.close()
        # A call of another thread that still waits is told so, rather than left to hang.
        waiting = asyncio.all_tasks() - {asyncio.current_task()}
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C while waiting: the work must not go on unseen.
            future.cancel()
            raise


async def _next(listening: Listening) -> Event | None:
    return await anext(listening, None)
