"""The asynchronous client."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from timbre import address as addresses
from timbre.address import DEFAULT_URL
from timbre.events import Cancelled
from timbre.listening import Listening
from timbre.redis_voice import RedisVoice
from timbre.session import Wish
from timbre.socket_voice import SocketVoice
from timbre.speaking import Spoken, Wait, request
from timbre_common.names import DEFAULT_CHANNEL


class Client:
    """Makes agents speak, hears them, and cuts them short.

    url: the bridge, `http://host:port` or `https://…`; the link with `#token=…` that `timbre run` prints works too.
    redis_url: where agents publish (`redis://…`, `rediss://…`); with it, `say` publishes there as an agent does,
    without it, `say` asks the bridge, which takes a token that may speak where tokens are demanded.
    token: a listener's token (`timbre token create`). ca: a PEM file with the authority that signed the bridge's
    certificate. Nothing connects before it is needed.
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
        """Raises InvalidInput for a malformed address."""
        self._address = addresses.parse(url)
        self._token = token or self._address.token
        self._ca = ca
        self._redis = None if redis_url is None else RedisVoice(redis_url, channel)
        self._socket = SocketVoice(self._address, ca, self._token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def say(
        self,
        agent: str,
        text: str,
        *,
        emotion: str | None = None,
        language: str | None = None,
        room: str | None = None,
        wait: Wait | str = Wait.START,
        timeout: float = 10.0,  # noqa: ASYNC109 -- bounds the time to the first sound alone
    ) -> Spoken:
        """Make `agent` say `text`, and return when its first sound was sent to the listeners (or as `wait` says).

        language: BCP 47. timeout: seconds to the first sound. Raises InvalidInput; BridgeUnavailable where nobody
        hears the message; NotSpoken where no sound comes of it, or the bridge says that it failed;
        RedisUnavailable, Unauthorized, Forbidden, Busy.
        """
        message = request(agent, text, emotion=emotion, language=language, room=room)
        voice = self._redis or self._socket
        return await voice.say(message, Wait(wait), timeout)

    def listen(
        self,
        agents: Sequence[str] | None = None,
        rooms: Sequence[str] | None = None,
        *,
        encodings: Sequence[str] = ("s16le",),
        captions: bool = True,
        join: str = "live",
    ) -> Listening:
        """Hear what agents say (default: all that the token allows), as an iterator of events; see Listening.

            async with client.listen(["lisa"]) as heard:
                async for event in heard:
                    ...

        join: `live`, or `start` to hear what is being said from its beginning.
        """
        wish = Wish(agents=agents, rooms=rooms, encodings=encodings, captions=captions, join=join, token=self._token)
        return Listening(self._address, self._ca, wish)

    async def cancel(self, context_id: str, played_ms: float | None = None) -> Cancelled:
        """Cut an utterance short of which `played_ms` were heard (default: as far as the bridge sent it in real time).

        Raises InvalidInput where it is over or unknown, BridgeUnavailable, Unauthorized.
        """
        return await self._socket.cancel(context_id, played_ms)

    async def close(self) -> None:
        """Close what is open. Idempotent; a Listening is closed on its own."""
        if self._redis is not None:
            await self._redis.close()
