"""The history over HTTP, and rooms as MP3 for media players."""

import asyncio
import time
from dataclasses import asdict
from typing import Final

import msgspec
from aiohttp import web

from timbre_bridge.history import History, Said
from timbre_bridge.listeners.radio import Radio
from timbre_bridge.server.context import Context
from timbre_bridge.signing import Signer
from timbre_common.audio import samples_of_ms
from timbre_common.encoders.container import Opus
from timbre_common.encoders.mp3 import Mp3
from timbre_common.encoders.raw import wav_header
from timbre_common.errors import Unauthorized
from timbre_common.names import DEFAULT_ROOM
from timbre_common.tokens import OPEN, Grant

MAX_LISTED: Final = 1_000
RADIO_MS: Final = 80
"""Milliseconds of audio that a radio sends at a time."""


class Media:
    """Handlers of /v1/utterances and /v1/listen."""

    def __init__(self, context: Context, history: History, signer: Signer) -> None:
        self._context = context
        self._history = history
        self._signer = signer

    def add(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/v1/utterances", self.utterances)
        app.router.add_get("/v1/utterances/{context_id}.wav", self.wav)
        app.router.add_get("/v1/utterances/{context_id}.opus", self.opus)
        app.router.add_get("/v1/listen/{room}.mp3", self.radio)

    async def utterances(self, request: web.Request) -> web.Response:
        """The last utterances of `room`, newest first, as far as the token allows; `limit` of them."""
        grant = self._bearer(request)
        room = request.query.get("room", DEFAULT_ROOM)
        limit = request.query.get("limit", "100")
        if not limit.isascii() or not limit.isdigit() or not 0 < int(limit[:9]) <= MAX_LISTED:
            raise web.HTTPBadRequest(text=f"limit: a whole number from 1 to {MAX_LISTED} is right\n")
        if not grant.allows_room(room):
            raise web.HTTPForbidden(text="the token does not allow this room\n")
        said = [each for each in self._history.list(room, int(limit)) if grant.allows_agent(each.agent_id)]
        # A link says nothing of agents: who may hear only some of them gets none to the whole room.
        listen = self._link(f"/v1/listen/{room}.mp3", grant) if grant.agents is None else None
        body = {"utterances": [self._listed(each, grant) for each in said], "listen": listen}
        return web.Response(
            body=msgspec.json.encode(body), content_type="application/json", headers={"Cache-Control": "no-store"}
        )

    async def wav(self, request: web.Request) -> web.StreamResponse:
        """An utterance as WAV; a Range is answered with 206."""
        said = self._said(request)
        return _ranged(request, wav_header(len(said.pcm)) + said.pcm, "audio/wav")

    async def opus(self, request: web.Request) -> web.StreamResponse:
        """An utterance as Ogg Opus."""
        said = self._said(request)
        return _ranged(request, await asyncio.to_thread(_ogg, said.pcm), "audio/ogg")

    async def radio(self, request: web.Request) -> web.StreamResponse:
        """A room as an endless MP3 in real time, with silence while nobody speaks."""
        room = request.match_info["room"]
        grant = self._granted(request)
        if not grant.allows_room(room):
            raise web.HTTPForbidden(text="the token does not allow this room\n")
        hub = self._context.hub
        if hub.connections >= self._context.settings.max_listeners:
            raise web.HTTPServiceUnavailable(text="too many listeners\n", headers={"Retry-After": "5"})
        response = web.StreamResponse(headers={"Content-Type": "audio/mpeg", "Cache-Control": "no-store"})
        hub.connections += 1
        try:
            await response.prepare(request)
            if request.method != "HEAD":  # which players send first, and which wants no endless answer
                await self._play(response, room, grant)
        finally:
            hub.connections -= 1
        return response

    async def _play(self, response: web.StreamResponse, room: str, grant: Grant) -> None:
        player, encoder = Radio(), Mp3()
        due = time.monotonic()
        while not grant.expired():
            now = time.monotonic()
            heard = [each for each in self._context.hub.in_room(room) if grant.allows_agent(each.utterance.agent_id)]
            # A player that does not read is waited for: it falls behind alone, and TCP's own timeout ends it.
            await response.write(encoder.feed(player.pull(heard, samples_of_ms(RADIO_MS), now)))
            due = max(due + RADIO_MS / 1000, now - 1.0)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _listed(self, said: Said, grant: Grant) -> dict[str, object]:
        fields = {key: value for key, value in asdict(said).items() if key not in {"pcm", "until"}}
        base = f"/v1/utterances/{said.context_id}"
        return {**fields, "wav": self._link(f"{base}.wav", grant), "opus": self._link(f"{base}.opus", grant)}

    def _link(self, path: str, grant: Grant) -> str:
        """A link that is good no longer than the token that it is given for."""
        return path if self._context.verifier is None else self._signer.link(path, time.time(), grant.expires_at)

    def _said(self, request: web.Request) -> Said:
        grant = self._granted(request)
        said = self._history.find(request.match_info["context_id"])
        if said is None or not grant.allows_room(said.room) or not grant.allows_agent(said.agent_id):
            raise web.HTTPNotFound(text="this utterance is not kept any more\n")
        return said

    def _granted(self, request: web.Request) -> Grant:
        """By a signed link, or else by a token."""
        expires = request.query.get("expires")
        if expires and self._signer.allows(request.path, expires, request.query.get("signature"), time.time()):
            return Grant(expires_at=float(expires))
        return self._bearer(request)

    def _bearer(self, request: web.Request) -> Grant:
        if self._context.verifier is None:
            return OPEN
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer":
                raise Unauthorized("a token is needed: Authorization: Bearer …")
            return self._context.verifier.verify(token.strip())
        except Unauthorized as error:
            raise web.HTTPUnauthorized(text=f"{error}\n", headers={"WWW-Authenticate": "Bearer"}) from error


def _ogg(pcm: bytes) -> bytes:
    encoder = Opus()
    return encoder.feed(pcm) + encoder.finish()


def _ranged(request: web.Request, data: bytes, content_type: str) -> web.Response:
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    try:
        asked = request.http_range
    except ValueError:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{len(data)}"}) from None
    if asked.start is None and asked.stop is None:
        return web.Response(body=data, content_type=content_type, headers=headers)
    first, end, _ = asked.indices(len(data))
    if first >= end:
        raise web.HTTPRequestRangeNotSatisfiable(headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(data)}"
    return web.Response(status=206, body=data[first:end], content_type=content_type, headers=headers)
