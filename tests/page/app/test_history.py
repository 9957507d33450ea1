"""What was said before: listed, heard again, taken along."""

import wave

from playwright.async_api import expect

from page.app.visit import LINE, LONG, visit


async def test_what_was_said_is_listed_replayed_and_downloaded() -> None:
    async with visit() as seen:
        await seen.listen()
        await seen.speaks("lisa", LINE, emotion="thinking")
        entry = seen.page.locator("#history li")
        await expect(entry.locator(".text")).to_have_text(LINE)
        await expect(entry.locator("b")).to_contain_text("Lisa")
        await expect(entry.get_by_role("img", name="réflexion")).to_have_count(1)
        async with seen.page.expect_response("**/*.opus") as response:
            await entry.get_by_role("button").click()
        assert (await response.value).ok
        await expect(entry.get_by_role("button")).to_have_attribute("aria-label", "Arrêter la réécoute")
        # Played to its end, it can be played again.
        await expect(entry.get_by_role("button")).to_have_attribute("aria-label", f"Réécouter Lisa : {LINE[:40]}")
        async with seen.page.expect_download() as download:
            await entry.get_by_role("link").click()
        with wave.open(str(await (await download.value).path())) as sound:
            assert sound.getframerate() == 24_000
            assert sound.getnframes() > 24_000


async def test_a_voice_on_air_ends_a_replay() -> None:
    async with visit() as seen:
        await seen.listen()
        await seen.speaks("lisa", LONG)
        button = seen.page.locator("#history li").last.get_by_role("button")
        await button.click(timeout=30_000)
        await expect(button).to_have_attribute("aria-label", "Arrêter la réécoute")
        await seen.speaks("electra", LINE)
        await expect(button).to_have_attribute("aria-label", f"Réécouter Lisa : {LONG[:40]}")


async def test_a_replay_is_as_loud_and_where_the_voices_are() -> None:
    async with visit() as seen:
        await seen.page.add_init_script(
            """const element = new Audio();
            window.Audio = function () { return element; };
            window.replay = () => [element.volume, element.chosen];
            element.setSinkId = async (device) => { element.chosen = device; };
            AudioContext.prototype.setSinkId = async () => {};
            localStorage.setItem("timbre.settings", JSON.stringify({ volume: 0.8, output: "headphones" }));"""
        )
        await seen.page.reload()
        assert await seen.page.evaluate("replay()") == [0.8, "headphones"]
        await seen.listen()
        await seen.page.fill("#volume", "40")
        assert await seen.page.evaluate("replay()") == [0.4, "headphones"]


async def test_an_idle_page_forgets_in_time_and_renews_its_links() -> None:
    async with visit() as seen:
        await seen.page.clock.install()
        await seen.page.reload()
        await expect(seen.page.locator("#radio")).to_be_visible()  # the first listing has come
        async with seen.page.expect_response("**/v1/utterances?*") as response:
            await seen.page.clock.fast_forward("10:05")
        assert (await response.value).ok
