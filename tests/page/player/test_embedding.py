"""The page of docs/player.md, on an origin and with a policy of its own: the player from the bridge, or a copy."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from support.browser import browser_page
from support.house import House, message
from support.process import free_port

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "bridge" / "timbre_bridge" / "page"
DOCUMENT = (ROOT / "docs" / "player.md").read_text()
BRIDGE = "https://bridge.example"


@asynccontextmanager
async def site(html: str, policy: str, port: int) -> AsyncIterator[str]:
    """A web site with a page and its Content-Security-Policy, and copies of the player's files next to it."""

    async def index(_: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})

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


@pytest.mark.parametrize("source", ["bridge", "copy"])
async def test_the_documented_page_is_heard_from_another_origin(source: str) -> None:
    example = re.search(r"```html\n(.*?)```", DOCUMENT, re.DOTALL)
    policy = re.search(r"Content-Security-Policy: (.*)", DOCUMENT)
    assert example is not None and policy is not None
    html = example[1]
    if source == "copy":
        html = html.replace(f"{BRIDGE}/timbre.js", "./timbre.js").replace("Player()", f'Player({{ url: "{BRIDGE}" }})')
    port = free_port()
    async with House(["--pace=rtf=0.9,first=120ms"], [f"--allow-origin=http://127.0.0.1:{port}"]) as house:
        allowed = policy[1].replace(BRIDGE, house.url).replace("wss://bridge.example", house.url.replace("http", "ws"))
        # The example's script stands in the page, and a copy comes from the page's own origin.
        allowed = allowed.replace("script-src", "script-src 'self' 'unsafe-inline'")
        async with site(html.replace(BRIDGE, house.url), allowed, port) as url, browser_page() as watched:
            await watched.page.goto(url)
            await watched.page.click("#listen")
            async with asyncio.timeout(60):
                while not await house.metric("timbre_bridge_client_time_to_first_audio_seconds_count"):
                    await house.publish(message("lisa", "Bonjour à tous."))
                    await watched.until("line.textContent.endsWith('Bonjour à tous.')")
                    await watched.page.evaluate("line.textContent = ''")
            assert watched.errors == []
