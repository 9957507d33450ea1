"""A visit to the page A2UI: the whole house, and a browser that looks at it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from support.browser import browser_page
from support.house import House, message

expect.set_options(timeout=20_000)  # a busy machine is slow, and no less right

ARTEFACTS = Path(__file__).parents[3] / "artefacts"
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PACE = "--pace=rtf=0.9,first=120ms"
LINE = "Bonjour à tous, il fait beau ce matin."
LONG = (
    "Bienvenue à la maison ! Le feu est allumé, le thé infuse, et Lisa a déjà trié vos messages de ce matin. "
    "Prenez place, je vous raconte tout dans l'ordre."
)
WIDE = {"width": 1440, "height": 1080}
PHONE = {"width": 360, "height": 780}


class Visit:
    """A page that is open and connected, and the house behind it."""

    def __init__(self, house: House, page: Page, errors: list[str]) -> None:
        self.house = house
        self.page = page
        self.errors = errors
        """What the console complained about."""

    async def speaks(self, agent: str, text: str = LINE, **fields: Any) -> None:
        """An agent publishes on Redis."""
        await self.house.publish(message(agent, text, **fields))

    async def listen(self) -> None:
        """A real click on "Listen"."""
        await self.page.click("#listen")
        await expect(self.page.locator("#listen")).to_be_hidden()

    async def axe(self) -> list[str]:
        """What axe-core finds wrong with what is on the page now."""
        await self.page.evaluate(AXE.read_text())
        found: list[dict[str, Any]] = await self.page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)"
        )
        return [f"{each['id']}: {each['help']} {[node['html'] for node in each['nodes']]}" for each in found]

    async def screenshot(self, name: str) -> Path:
        """Keeps what is seen, among the artefacts."""
        ARTEFACTS.mkdir(exist_ok=True)
        path = ARTEFACTS / f"a2ui-{name}.png"
        await self.page.screenshot(path=path)
        return path


@asynccontextmanager
async def visit(flags: list[str] | None = None, house: House | None = None, **context: Any) -> AsyncIterator[Visit]:
    """`flags`: of Chromium; `house`: one that is not entered; `context`: of playwright's new_context.

    Fails when the console complained.
    """
    context = {"locale": "fr-FR", "viewport": WIDE, **context}
    async with (
        house or House([PACE]) as house,
        browser_page(*(flags or []), **context) as watched,
    ):
        await watched.page.goto(house.url)
        await expect(watched.page.locator("#connection")).to_have_attribute("data-tone", "good")
        await expect(watched.page.locator(".card")).to_have_count(3)
        yield Visit(house, watched.page, watched.errors)
        assert watched.errors == []
