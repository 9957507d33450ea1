"""The page's pure modules, run where they will run: in a browser, but without a server behind them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Page, Route

from support.browser import browser_page

PAGE = Path(__file__).parents[3] / "bridge" / "timbre_bridge" / "page"
APP = PAGE / "app"
MAX_LINES = 250


@asynccontextmanager
async def modules() -> AsyncIterator[Page]:
    """A blank page that can import `/app/…`."""

    async def answer(route: Route) -> None:
        path = PAGE / route.request.url.partition("//")[2].partition("/")[2]
        if path.is_file():
            await route.fulfill(path=path)
        else:
            await route.fulfill(body="<!doctype html><title>blank</title>", content_type="text/html")

    async with browser_page() as watched:
        await watched.page.route("http://timbre.test/**", answer)
        await watched.page.goto("http://timbre.test/")
        yield watched.page
        assert watched.errors == []


Happening = tuple[str, dict[str, Any]]


async def _after(page: Page, *happenings: Happening) -> dict[str, Any]:
    """The state after these events."""
    state: dict[str, Any] = await page.evaluate(
        """async (happenings) => {
          const { INITIAL, reduce, condition, speaking } = await import("/app/state.js");
          const state = happenings.reduce((now, [type, detail]) => reduce(now, { type, detail }), INITIAL);
          return { ...state, condition: condition(state), speaking: speaking(state) };
        }""",
        happenings,
    )
    return state


AGENT = {"agent_id": "lisa", "name": "Lisa", "colour": "#27AE60", "languages": ["fr"]}
READY: Happening = ("state", {"state": "ready", "audio": "off"})
STATUS: dict[str, Any] = {
    "agents": [AGENT],
    "engines": [{"name": "default", "ready": True}],
    "waiting": [],
    "redis": True,
}
START: dict[str, Any] = {
    "contextId": "a",
    "agentId": "lisa",
    "room": "salon",
    "emotion": "happy",
    "firstMs": 0,
    "ttfbMs": 100,
}
NEXT: Happening = ("start", {**START, "contextId": "b", "agentId": "electra"})


def _caption(text: str, at: int) -> Happening:
    return ("caption", {"contextId": "a", "text": text, "startMs": at})


async def test_the_state_follows_an_utterance_from_its_start_to_its_end() -> None:
    async with modules() as page:
        begun = [READY, ("status", STATUS), ("start", START), _caption("Un ", 0), _caption("deux.", 400)]
        state = await _after(page, *begun, ("word", {"contextId": "a", "startMs": 0}))
        assert (state["air"][0]["spoken"], state["speaking"], state["rooms"]) == (1, True, ["salon"])
        state = await _after(page, *begun, ("done", {"contextId": "a", "reason": "finished"}))
        assert (state["air"][0]["spoken"], state["air"][0]["over"], state["speaking"]) == (2, "finished", False)
        # The next one takes the stage; what is over leaves it.
        state = await _after(page, *begun, ("cancelled", {"contextId": "a"}), NEXT)
        assert [each["contextId"] for each in state["air"]] == ["b"]


async def test_the_state_knows_what_was_missed_until_it_is_replayed() -> None:
    async with modules() as page:
        missed: list[Happening] = [READY, ("start", START), *[("missed", {"contextId": each}) for each in "aab"]]
        state = await _after(page, *missed)
        assert (state["missed"], state["air"][0]["missed"]) == (["a", "b"], True)
        assert (await _after(page, *missed, ("replayed", {"contextId": "a"})))["missed"] == ["b"]


async def test_the_state_keeps_the_last_measures_but_not_of_who_waited() -> None:
    async with modules() as page:
        measures: list[Happening] = [
            ("latency", {"agentId": "lisa", "ttfbMs": ms, "firstAudioMs": 50, "waited": ms == 99}) for ms in range(100)
        ]
        latencies = (await _after(page, *measures))["latencies"]
        assert (len(latencies), latencies[-1]) == (60, {"agentId": "lisa", "sent": 98, "heard": 148})
        # Who waited at the bridge, for one that was interrupted, may come first here.
        waiting: Happening = (
            "status",
            {**STATUS, "waiting": [{"context_id": "b", "agent_id": "lisa", "room": "salon"}]},
        )
        measure = {"contextId": "b", "agentId": "lisa", "ttfbMs": 4_000, "firstAudioMs": 50, "waited": False}
        assert (await _after(page, waiting, ("status", STATUS), NEXT, ("latency", measure)))["latencies"] == []


async def test_the_state_names_the_worst_first() -> None:
    async with modules() as page:
        away = {**STATUS, "agents": [], "redis": False}
        down = {**away, "engines": [{"name": "default", "ready": False}]}
        assert (await _after(page))["condition"] == "closed"
        assert (await _after(page, READY))["condition"] == "quiet"
        assert (await _after(page, READY, ("status", down)))["condition"] == "engineDown"
        assert (await _after(page, READY, ("status", away)))["condition"] == "redisAway"
        assert (await _after(page, READY, ("status", {**STATUS, "agents": []})))["condition"] == "noAgents"
        lost = ("state", {"state": "reconnecting", "audio": "off"})
        assert (await _after(page, ("status", down), lost))["condition"] == "reconnecting"
        assert (await _after(page, ("something.newer", {})))["condition"] == "closed"


async def test_a_long_caption_is_shown_in_pages_that_hold_still() -> None:
    async with modules() as page:
        shown = await page.evaluate(
            """async () => {
              const { page } = await import("/app/captions.js");
              const pieces = Array.from({ length: 80 }, (_, at) => ({ text: at % 10 === 9 ? "parole. " : "parole " }));
              return pieces.map((_, at) => [page(pieces, at + 1), page(pieces.slice(0, at + 1), at + 1)]);
            }"""
        )
        for at, ((start, end), (early_start, _)) in enumerate(shown):
            assert start <= at < end
            assert end - start <= 30
            assert early_start == start  # what is not known yet does not move the page


async def test_colours_of_agents_can_be_read_on_every_ground() -> None:
    async with modules() as page:
        colours = ["#27AE60", "#2D7FF9", "#D9480F", "#FFFFFF", "#000000", "#FFFF00", "not a colour"]
        contrasts = await page.evaluate(
            """async (colours) => {
              const { contrast, parse, readable } = await import("/app/colour.js");
              const grounds = ["#ffffff", "#f3f1ed", "#000000", "#23272d"];
              const worst = (ground) =>
                Math.min(...colours.map((each) => contrast(parse(readable(each, ground)), parse(ground))));
              return grounds.map(worst);
            }""",
            colours,
        )
        assert min(contrasts) >= 4.5


async def test_settings_that_do_not_fit_leave_the_defaults() -> None:
    async with modules() as page:
        loaded = await page.evaluate(
            """async () => {
              const { load } = await import("/app/settings.js");
              const from = (text, ...languages) => {
                localStorage.setItem("timbre.settings", text);
                return load(languages);
              };
              return [
                from('{"volume": 7, "theme": "dark", "muted": "yes", "voices": [1], "room": "salon"}', "de", "fr-CA"),
                from("not JSON", "pt"),
                from("[1]", "en"),
              ];
            }"""
        )
        assert loaded[0]["language"] == "fr"
        assert (loaded[0]["volume"], loaded[0]["theme"], loaded[0]["muted"]) == (0.9, "dark", False)
        assert (loaded[0]["voices"], loaded[0]["room"]) == ({}, "salon")
        assert [each["language"] for each in loaded[1:]] == ["en", "en"]


async def test_the_gate_tells_a_voice_from_noise_and_tells_it_once() -> None:
    async with modules() as page:
        heard = await page.evaluate(
            """async () => {
              const { Gate } = await import("/app/gate.js");
              const run = (level) => {
                const gate = new Gate();
                const told = [];
                for (let now = 0; now < 4000; now += 30) if (gate.hear(level(now), now)) told.push(now);
                return told;
              };
              const voice = (now) => (now % 300 < 200 ? 0.1 : 0.01);
              return {
                silence: run(() => 0),
                steady: run((now) => Math.min(0.004, 0.002 + now / 1e6)),
                knock: run((now) => (now >= 2000 && now < 2100 ? 0.5 : 0.002)),
                voice: run((now) => (now >= 2000 && now < 3000 ? voice(now) : 0.002)),
              };
            }"""
        )
        assert (heard["silence"], heard["steady"], heard["knock"]) == ([], [], [])
        assert len(heard["voice"]) == 1
        assert 2_000 <= heard["voice"][0] <= 2_400


async def test_both_languages_say_everything_and_nothing_else() -> None:
    async with modules() as page:
        texts: dict[str, dict[str, str]] = await page.evaluate("import('/app/i18n.js').then(({ TEXTS }) => TEXTS)")
    for key, each in texts.items():
        assert set(each) == {"fr", "en"}, key
        assert all(each.values()), key
        assert set(re.findall(r"\{\w+\}", each["fr"])) == set(re.findall(r"\{\w+\}", each["en"])), key
    source = (PAGE / "index.html").read_text() + "".join(
        path.read_text() for path in APP.rglob("*.js") if path.name != "i18n.js" and "vendor" not in path.parts
    )
    used = set(re.findall(r"""data-i18n(?:-label)?="([^"]+)""", source)) | set(re.findall(r"'([a-z]+[\w.]*)'", source))
    families = ("connection.", "idle.", "error.", "emotion.", "reason.")  # whose ends come from the wire
    assert {key for key in texts if key not in used and not key.startswith(families)} == set()
    assert set(re.findall(r"""data-i18n(?:-label)?="([^"]+)""", source)) <= set(texts)
    assert set(re.findall(r"\bt\('([^']+)'", source)) <= set(texts)


def test_modules_are_short() -> None:
    long = {
        path.name: lines
        for path in APP.rglob("*.js")
        if "vendor" not in path.parts and (lines := len(path.read_text().splitlines())) >= MAX_LINES
    }
    assert long == {}
