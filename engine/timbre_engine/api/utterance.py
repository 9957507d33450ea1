"""One utterance of a stream: its text as it comes in, its audio as it goes out."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiohttp import web

from timbre_common import engine_stream
from timbre_common.engine_stream import Done, End, Flush, Start, Started, Text
from timbre_common.errors import IdleTimeout, InvalidInput, TimbreError, TooLarge
from timbre_engine.api import errors
from timbre_engine.backend import Audio, CodesMade, Event, Finished, Mark
from timbre_engine.engine import Arrival, Engine, MeasuredUtterance, Wanted
from timbre_engine.settings import Settings

_log = logging.getLogger(__name__)


class StreamedUtterance:
    """Runs in a task of its own until it has sent its one `done` or `error`.

    Its text waits in a queue that is bounded by the text's length: beyond `max_stream_chars` the utterance fails.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        drop: Callable[[], None],
        engine: Engine,
        settings: Settings,
        start: Start,
    ) -> None:
        self._socket = socket
        self._drop = drop
        self._engine = engine
        self._settings = settings
        self._arrival = Arrival()
        self._text: asyncio.Queue[Text | Flush | End] = asyncio.Queue()
        self._chars = 0
        self._unflushed = False
        self._ended = False
        self._active_at = time.monotonic()
        self._samples = 0
        self._idle = False
        """Whether it ends because no text came."""
        self.over = False
        """Whether its last message was decided."""
        self._task = asyncio.create_task(self._run(_wanted(start)))

    def take(self, message: Text | Flush | End) -> None:
        """More of its text. Raises TooLarge; InvalidInput for text after the end."""
        if self.over:
            return
        self._active_at = time.monotonic()
        if self._ended:
            raise InvalidInput("nothing but cancel is right after end", "type")
        if isinstance(message, Text):
            self._count(message.text)
            self._unflushed = self._unflushed or bool(message.text)
            if message.text:
                self._text.put_nowait(message)
            return
        self._ended = isinstance(message, End)
        if self._ended or self._unflushed:
            self._unflushed = False
            self._text.put_nowait(message)

    async def cancel(self) -> None:
        """Stop, and say `done` with the reason `cancelled`."""
        if not self.over:
            await self._stop(Done(samples=self._samples, reason="cancelled"))

    async def fail(self, error: TimbreError) -> None:
        """Stop, and say `error`."""
        if not self.over:
            await self._stop(errors.message(error))

    async def abandon(self) -> None:
        """Stop without a word: nobody listens any more."""
        self.over = True
        self._task.cancel()
        await self.finished()

    async def finished(self) -> None:
        """Waits until its slot is free."""
        await asyncio.wait([self._task])

    async def _stop(self, last: engine_stream.ServerMessage) -> None:
        self.over = True
        self._task.cancel()
        await self.finished()
        await self._tell_last(last)

    def _count(self, text: str) -> None:
        self._chars += len(text)
        if self._chars > self._settings.max_stream_chars:
            raise TooLarge(f"at most {self._settings.max_stream_chars} characters of one utterance are right", "text")
        if text:
            self._arrival.text()

    async def _run(self, wanted: Wanted) -> None:
        try:
            last: engine_stream.ServerMessage = await self._speak(wanted)
        except TimbreError as error:
            last = errors.message(error)
        except asyncio.CancelledError:
            if not self._idle:
                raise
            last = errors.message(IdleTimeout("no text came for too long; the slot is given back"))
        except ConnectionError:
            self.over = True
            return
        except Exception as error:
            last = errors.message(errors.internal(error))
        self.over = True
        await self._tell_last(last)

    async def _speak(self, wanted: Wanted) -> Done:
        async with self._engine.utterance(wanted, self._arrival) as utterance:
            self._active_at = time.monotonic()
            await self._tell(Started())
            helpers = [asyncio.create_task(self._feed(utterance)), asyncio.create_task(self._watch())]
            try:
                async for event in utterance:
                    self._active_at = time.monotonic()
                    if isinstance(event, Finished):
                        return Done(samples=event.samples, reason=str(event.reason))
                    await self._pass_on(event)
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.wait(helpers)
        raise AssertionError("an utterance ends with Finished")

    async def _feed(self, utterance: MeasuredUtterance) -> None:
        while True:
            message = await self._text.get()
            if isinstance(message, Text):
                await utterance.feed(message.text)
            elif isinstance(message, Flush):
                await utterance.flush()
            else:
                await utterance.end()
                return

    async def _watch(self) -> None:
        """Ends the utterance where nothing is left to say and no text comes."""
        while not self._ended:
            left = self._active_at + self._settings.idle_timeout - time.monotonic()
            if left <= 0:
                self.over = self._idle = True
                self._task.cancel()
                return
            await asyncio.sleep(left)

    async def _pass_on(self, event: Event) -> None:
        match event:
            case Audio():
                self._samples += len(event.pcm) // 2
                await self._send(self._socket.send_bytes(event.pcm))
            case Mark():
                await self._tell(
                    engine_stream.Mark(
                        text=event.text, start_ms=event.start_ms, end_ms=event.end_ms, estimated=event.estimated
                    )
                )
            case CodesMade():
                await self._tell(engine_stream.CodesMade(first_frame=event.first_frame, codes=event.codes))

    async def _tell(self, message: engine_stream.ServerMessage) -> None:
        await self._send(self._socket.send_str(engine_stream.encode(message)))

    async def _tell_last(self, message: engine_stream.ServerMessage) -> None:
        with suppress(ConnectionError):
            await self._tell(message)

    async def _send(self, sending: Awaitable[None]) -> None:
        """Raises ConnectionError where the client is gone, or does not read."""
        try:
            async with asyncio.timeout(self._settings.send_timeout):
                await sending
        except TimeoutError as error:
            _log.warning("a client did not read its audio and is dropped")
            self._drop()
            raise ConnectionAbortedError("the client does not read") from error


def _wanted(start: Start) -> Wanted:
    return Wanted(
        voice=start.voice,
        language=start.language,
        emotion=start.emotion,
        seed=start.seed,
        continue_codes=None if start.continue_ is None else start.continue_.codes,
        return_codes=start.return_codes,
    )
