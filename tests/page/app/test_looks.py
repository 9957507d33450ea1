"""How it looks and who can use it: wide, on a phone, dark, by keyboard, with a screen reader, in both languages."""

import pytest
from playwright.async_api import expect

from page.app.visit import LINE, LONG, PHONE, WIDE, Visit, visit


async def _lively(seen: Visit) -> None:
    """Something on air, someone waiting, something in the history."""
    await seen.listen()
    for agent, text, emotion in (
        ("lisa", "Le rapport est prêt.", "neutral"),
        ("electra", "Volets fermés, dix-neuf degrés.", "alert"),
    ):
        await seen.speaks(agent, text, emotion=emotion)
    await expect(seen.page.locator("#history li")).to_have_count(2)
    await seen.speaks("renarde", LONG, emotion="happy")
    await seen.speaks("lisa", LINE)
    await seen.speaks("electra", LINE)
    await expect(seen.page.locator("#waiting li")).to_have_count(2)
    await expect(seen.page.locator(".words .said")).not_to_have_count(0)
    await seen.page.mouse.move(0, 0)
    await seen.page.wait_for_timeout(1_500)  # the ribbon fills


@pytest.mark.parametrize(
    ("name", "viewport", "colours"), [("wide", WIDE, "light"), ("phone", PHONE, "light"), ("dark", WIDE, "dark")]
)
async def test_axe_finds_nothing_and_nothing_is_cut_off(name: str, viewport: dict[str, int], colours: str) -> None:
    async with visit(viewport=viewport, color_scheme=colours) as seen:
        assert await seen.axe() == []
        await _lively(seen)
        await seen.screenshot(name)
        assert await seen.axe() == []
        assert await seen.page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        small = """[...document.querySelectorAll("button, select, a.round")]
          .filter((each) => each.checkVisibility())
          .map((each) => [each.getBoundingClientRect(), each.outerHTML])
          .filter(([{ width, height }]) => width < 24 || height < 24)
          .map(([, html]) => html)"""
        assert await seen.page.evaluate(small) == []


async def test_it_is_used_by_keyboard_alone() -> None:
    async with visit() as seen:
        page = seen.page
        await page.keyboard.press("Tab")
        await expect(page.locator(".skip")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.locator("#listen")).to_be_focused()
        assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        await page.keyboard.press("Enter")
        await expect(page.locator("#mute")).to_be_focused()
        await page.keyboard.press("Space")
        await expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")
        await page.focus("#say-text")
        await page.keyboard.type("Bonjour.")
        await page.keyboard.press("Enter")
        await expect(page.locator(".line")).to_have_count(1)


async def test_what_was_chosen_is_remembered() -> None:
    async with visit(color_scheme="light") as seen:
        page = seen.page
        await seen.listen()
        await page.select_option("#language", "en")
        await expect(page.locator("#voices-title")).to_have_text("Voices")
        await page.select_option("#theme", "dark")
        await page.fill("#volume", "40")
        await page.select_option("#say-agent", "renarde")
        await page.get_by_label("Volume of Renarde").fill("30")
        await page.get_by_role("button", name="Mute Lisa").click()
        await page.get_by_role("button", name="Hear only Electra").click()
        await expect(page.locator('.card[data-agent="renarde"]')).to_have_attribute("data-silent", "")
        await page.reload()
        await expect(page.locator(".card")).to_have_count(3)
        await expect(page.locator("html")).to_have_attribute("lang", "en")
        await expect(page.locator("#listen")).to_have_text("Listen")
        await expect(page.locator("#volume")).to_have_value("40")
        await expect(page.get_by_label("Volume of Renarde")).to_have_value("30")
        await expect(page.locator("#say-agent")).to_have_value("renarde")
        await expect(page.get_by_role("button", name="Mute Lisa")).to_have_attribute("aria-pressed", "true")
        await expect(page.get_by_role("button", name="Hear only Electra")).to_have_attribute("aria-pressed", "true")
        dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert dark == "rgb(17, 19, 22)"


async def test_with_reduced_motion_nothing_swings() -> None:
    async with visit(reduced_motion="reduce") as seen:
        await seen.listen()
        await seen.speaks("lisa", LINE)
        await expect(seen.page.locator(".words .now")).to_have_count(1)
        await expect(seen.page.locator("#ribbon")).to_be_hidden()
        face = "getComputedStyle(document.querySelector('.card[data-agent=lisa] .avatar'))"
        assert await seen.page.evaluate(f"{face}.transitionDuration") == "0s"
        assert await seen.page.evaluate(f"Number({face}.getPropertyValue('--level'))") == 0


async def test_english_where_the_browser_is_english() -> None:
    async with visit(locale="en-GB") as seen:
        await expect(seen.page.locator("#listen")).to_have_text("Listen")
        await expect(seen.page.locator("#connection")).to_have_text("Live")
