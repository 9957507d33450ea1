"""What the page says when a part is away, or access is refused."""

from pathlib import Path

from playwright.async_api import expect

from page.app.visit import PACE, visit
from support.browser import browser_page
from support.house import House
from support.relayed import Relayed
from timbre_common import tokens


async def test_a_bridge_that_goes_away_is_seen_and_its_return_too() -> None:
    async with visit() as seen:
        await seen.house.bridge.stop()
        await expect(seen.page.locator("#connection")).to_have_attribute("data-tone", "wait")
        await expect(seen.page.locator("#idle")).to_have_text("La connexion est perdue. Elle va revenir.")
        again = seen.house.make_bridge(int(seen.house.url.rpartition(":")[2]))
        async with again:
            await expect(seen.page.locator("#connection")).to_have_text("En direct")
        seen.errors.clear()  # the browser itself reports refused connections


async def test_an_engine_that_is_down_is_named() -> None:
    async with visit() as seen:
        await seen.house.engine.stop()
        await expect(seen.page.locator("#connection")).to_have_text("Moteur de voix absent")
        await expect(seen.page.locator("#idle")).to_contain_text("Le moteur de voix ne répond pas.")


async def test_redis_that_is_away_is_named_until_it_is_back() -> None:
    house = Relayed([PACE])
    async with visit(house=house) as seen:
        await house.to_redis.cut()
        await expect(seen.page.locator("#connection")).to_have_text("Redis absent")
        await expect(seen.page.locator("#idle")).to_contain_text("Redis ne répond pas")
        await house.to_redis.mend()
        await expect(seen.page.locator("#connection")).to_have_text("En direct")
        await seen.speaks("lisa")
        await expect(seen.page.locator("#idle")).to_be_empty()


async def test_without_agents_it_says_so_until_there_are_some() -> None:
    async with visit() as seen:
        seen.house.write_routes(seen.house.engine.url, [])
        await expect(seen.page.locator("#idle")).to_have_text("Aucun agent n’a encore de voix.")
        await expect(seen.page.locator("#no-agents")).to_be_visible()
        await expect(seen.page.locator("#say-go")).to_be_disabled()
        await seen.screenshot("no-agents")
        seen.house.write_routes(seen.house.engine.url)
        await expect(seen.page.locator(".card")).to_have_count(3)
        await expect(seen.page.locator("#idle")).to_contain_text("Tout est calme.")


async def test_the_token_is_taken_from_the_address_and_kept_for_the_tab(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s" * 40)
    house = House([PACE], bridge_args=[f"--token-secret-file={tmp_path / 'secret'}"])
    async with house, browser_page(locale="fr-FR") as watched:
        page = watched.page
        await page.goto(house.url)
        await expect(page.locator("#connection")).to_have_text("Accès refusé")
        watched.errors.clear()
        token = tokens.sign(tokens.Grant(rooms=frozenset({"default"})), b"s" * 40)
        await page.goto(f"{house.url}/#token={token}")
        await expect(page.locator("#connection")).to_have_text("En direct")
        assert "token" not in page.url
        await page.reload()
        await expect(page.locator("#connection")).to_have_text("En direct")
        assert "token" not in page.url
        await expect(page.locator("#say-hint")).to_have_text("Ce lien permet d’écouter, pas de faire parler.")
        assert token not in await page.evaluate("JSON.stringify(localStorage)")
        assert watched.errors == []


async def test_it_works_where_nothing_may_be_stored() -> None:
    async with House([PACE]) as house, browser_page(locale="fr-FR") as watched:
        await watched.page.add_init_script(
            """for (const name of ["localStorage", "sessionStorage"]) {
              Object.defineProperty(window, name, { get() { throw new DOMException("blocked", "SecurityError"); } });
            }"""
        )
        await watched.page.goto(house.url)
        await expect(watched.page.locator("#connection")).to_have_text("En direct")
        await watched.page.select_option("#language", "en")
        await expect(watched.page.locator("#connection")).to_have_text("Live")
        assert watched.errors == []
