"""Where handlers find what they stand on."""

from typing import Final

from aiohttp import web

from timbre_engine.admin_tokens import AdminTokens
from timbre_engine.engine import Engine
from timbre_engine.settings import Settings

ENGINE: Final = web.AppKey("engine", Engine)
SETTINGS: Final = web.AppKey("settings", Settings)
SOCKETS: Final = web.AppKey("sockets", set[web.WebSocketResponse])
"""Open streams."""
ADMIN_TOKENS: Final = web.AppKey("admin_tokens", AdminTokens)
