"""The history over HTTP, and a room as MP3."""

import asyncio
import io
import json
import time
import wave
from pathlib import Path
from typing import Any

import aiohttp
import av
import numpy as np

from support.house import House, lone_speech, message
from timbre_common import tokens
from timbre_common.tokens import Grant

SECRET = "0123456789abcdef" * 3


async def fetch(url: str, token: str | None = None, **headers: str) -> tuple[int, bytes, Any]:
    if token:
        headers["Authorization"] = f"Bearer {token}"
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def listed(house: House, query: str = "", token: str | None = None) -> dict[str, Any]:
    status, body, _ = await fetch(f"{house.url}/v1/utterances{query}", token)
    assert status == 200, body
    parsed: dict[str, Any] = json.loads(body)
    return parsed


def decoded(data: bytes) -> np.ndarray[Any, Any]:
    with av.open(io.BytesIO(data), "r") as container:
        resampler = av.AudioResampler("s16", "mono", 24_000)
        return np.concatenate(
            [part.to_ndarray().ravel() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
        )


async def test_what_was_said_can_be_heard_again() -> None:
    async with House() as house, house.listener() as listener:
        for agent, text in (("lisa", "Bonjour à tous."), ("electra", "Terminé.")):
            await house.publish(message(agent, text, emotion="happy"))
            await listener.next(
                "audio.done", context_id=(await listener.next("audio.start", agent_id=agent))["context_id"]
            )
        newest, oldest = (await listed(house))["utterances"]
        assert (newest["agent_id"], oldest["agent_id"]) == ("electra", "lisa")
        assert (oldest["text"], oldest["emotion"], oldest["reason"]) == ("Bonjour à tous.", "happy", "finished")
        assert 0 < oldest["ttfb_ms"] < 5_000
        pcm, _ = await lone_speech(house.engine.url, "lisa", "Bonjour à tous.", "happy")
        status, body, headers = await fetch(house.url + oldest["wav"])
        assert (status, headers["Content-Type"]) == (200, "audio/wav")
        with wave.open(io.BytesIO(body)) as file:
            assert (file.getframerate(), file.readframes(file.getnframes())) == (24_000, pcm)
        status, part, headers = await fetch(house.url + oldest["wav"], Range="bytes=44-143")
        assert (status, part) == (206, pcm[:100])
        assert headers["Content-Range"] == f"bytes 44-143/{len(body)}"
        status, body, headers = await fetch(house.url + oldest["opus"])
        assert headers["Content-Type"] == "audio/ogg"
        assert abs(len(decoded(body)) - len(pcm) // 2) < 2_400
        assert len((await listed(house, "?limit=1"))["utterances"]) == 1
        assert (await listed(house, "?room=ailleurs"))["utterances"] == []
        for query in ("?limit=0", "?limit=x", "?limit=99999999999"):
            assert (await fetch(f"{house.url}/v1/utterances{query}"))[0] == 400
        for path in ("absent.wav", "absent.opus"):
            assert (await fetch(f"{house.url}/v1/utterances/{path}"))[0] == 404


async def test_tokens_and_links_decide_who_hears_it_again(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)

    def token(**fields: Any) -> str:
        return tokens.sign(Grant(**fields), SECRET.encode())

    async with House([], [f"--token-secret-file={secret}"]) as house, house.listener(token=token()) as listener:
        await house.publish(message("lisa", "Bonjour."))
        await listener.next("audio.done")
        assert (await fetch(f"{house.url}/v1/utterances"))[0] == 401
        assert (await fetch(f"{house.url}/v1/utterances", "forged"))[0] == 401
        assert (await fetch(f"{house.url}/v1/utterances", token(rooms=frozenset({"hall"}))))[0] == 403
        some = await listed(house, token=token(agents=frozenset({"electra"})))
        assert some == {"utterances": [], "listen": None}
        soon = int(time.time()) + 60
        brief = await listed(house, token=token(expires_at=soon))
        assert f"expires={soon}&" in brief["listen"]
        assert f"expires={soon}&" in brief["utterances"][0]["wav"]
        answer = await listed(house, token=token())
        link = answer["utterances"][0]["wav"]
        assert (await fetch(house.url + link))[0] == 200
        assert (await fetch(house.url + link.partition("?")[0]))[0] == 401
        assert (await fetch(house.url + link.replace("expires=1", "expires=2")))[0] == 401
        assert (await fetch(house.url + answer["listen"].partition("?")[0]))[0] == 401
        stranger = token(agents=frozenset({"electra"}))
        assert (await fetch(house.url + link.partition("?")[0], stranger))[0] == 404


async def test_no_history_where_it_is_off() -> None:
    async with House([], ["--history=0"]) as house, house.listener() as listener:
        await house.publish(message("lisa", "Bonjour."))
        await listener.next("audio.done")
        assert (await listed(house))["utterances"] == []


async def test_a_room_as_mp3_in_real_time() -> None:
    async with House(["--pace=rtf=0.9,first=100ms"]) as house, aiohttp.ClientSession() as http:
        async with asyncio.timeout(5), http.head(f"{house.url}/v1/listen/default.mp3") as answer:
            assert (answer.headers["Content-Type"], await answer.read()) == ("audio/mpeg", b"")
        # The connection that asked first is free for the next request, and no listener any more.
        async with http.get(f"{house.url}/v1/listen/default.mp3") as answer:
            assert answer.headers["Content-Type"] == "audio/mpeg"
            await house.publish(message("renarde", "Bonsoir, les amis."))
            began, data = time.monotonic(), b""
            while time.monotonic() - began < 3.5:
                data += await answer.content.readany()
        audio = decoded(data)
        assert 2.5 < len(audio) / 24_000 < 5.0
        assert np.abs(audio).max() > 3_000
        assert np.abs(audio[:1_000]).max() < 100
