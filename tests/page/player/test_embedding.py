"""The page of docs/player.md, on an origin of its own."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from support.browser import browser_page
from support.house import House, message
from support.process import free_port

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "bridge" / "timbre_bridge" / "page"


@asynccontextmanager
async def site(html: str, port: int) -> AsyncIterator[str]:
    """A web site with a page, and copies of the player's files next to it."""

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    async def module(_: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / "timbre.js")

    async def icon(_: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.router.add_get("/", index)
    app.router.add_get("/timbre.js", module)
    app.router.add_get("/favicon.ico", icon)
    app.router.add_static("/player/", PAGE / "player")
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_the_documented_page_is_heard_from_another_origin() -> None:
    example = re.search(r"```html\n(.*?)```", (ROOT / "docs" / "player.md").read_text(), re.DOTALL)
    assert example is not None
    port = free_port()
    async with (
        House(["--pace=rtf=0.9,first=120ms"], [f"--allow-origin=http://127.0.0.1:{port}"]) as house,
        site(example[1].replace("https://bridge.example", house.url), port) as url,
        browser_page() as watched,
    ):
        await watched.page.goto(url)
        await watched.page.click("#listen")
        async with asyncio.timeout(10):
            while not await house.metric("timbre_bridge_websocket_connections"):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # session.start follows the connection
        await house.publish(message("lisa", "Bonjour à tous."))
        await watched.until("line.textContent.trim() === 'Bonjour à tous.'")
        assert watched.errors == []
