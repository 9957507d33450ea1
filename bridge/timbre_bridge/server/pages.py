"""The page A2UI and the player module, as files."""

from pathlib import Path
from typing import Final

from aiohttp import web

PAGE: Final = Path(__file__).parents[1] / "page"
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy: nothing from elsewhere, nothing inline."""
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self), screen-wake-lock=(self)",
}


def add(app: web.Application) -> None:
    """Routes of the page. Files are checked for changes at every load, so that an upgrade shows at once."""

    async def index(_: web.Request) -> web.FileResponse:
        return _file("index.html")

    async def player(_: web.Request) -> web.FileResponse:
        return _file("timbre.js")

    async def icon(_: web.Request) -> web.FileResponse:
        return _file("app/icon.svg")

    app.router.add_get("/", index)
    app.router.add_get("/favicon.ico", icon)
    app.router.add_get("/timbre.js", player)
    for folder in ("app", "player"):
        app.router.add_static(f"/{folder}/", PAGE / folder)


def _file(name: str) -> web.FileResponse:
    return web.FileResponse(PAGE / name, headers={"Cache-Control": "no-cache"})
