"""Draw the page as README shows it: Renarde speaks, the two others wait, and some was said before."""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import expect

from page.app.visit import visit

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "a2ui.png"
SIZE = {"width": 1240, "height": 858}
SAID = (
    ("lisa", "Good morning. Nine messages came in the night.", "neutral"),
    ("electra", "Living room at nineteen degrees. Shutters closed.", "alert"),
    ("lisa", "I am checking the figures of this morning.", "thinking"),
    ("renarde", "Come in, come in! I have a story for you.", "happy"),
    ("electra", "Door unlocked at eight oh two.", "neutral"),
)
STORY = "Welcome home! The fire is lit, the tea is brewing. Take a seat, and I will tell you all of it."


async def main() -> None:
    """Speak, wait until it looks lively, draw."""
    async with visit(locale="en-GB", viewport=SIZE, color_scheme="light") as seen:
        await seen.listen()
        for number, (agent, text, emotion) in enumerate(SAID, 1):
            await seen.speaks(agent, text, emotion=emotion)
            await expect(seen.page.locator("#history li")).to_have_count(number)
        await seen.speaks("renarde", STORY, emotion="happy")
        await seen.speaks("lisa", "The meeting is at ten.")
        await seen.speaks("electra", "Lights off.")
        await expect(seen.page.locator("#waiting li")).to_have_count(2)
        await expect(seen.page.locator(".words .now")).to_have_text("brewing.")
        await seen.page.mouse.move(0, 0)
        await seen.page.screenshot(path=PICTURE)
    sys.stdout.write(f"{PICTURE}\n")


if __name__ == "__main__":
    asyncio.run(main())
