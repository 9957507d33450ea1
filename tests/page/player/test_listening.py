"""Listen, stop, and the captions beside: what a person does on the page, with real clicks."""

import asyncio
import re

import numpy as np
import pytest

from page.player.listening_page import ListeningPage
from support.browser import browser_page
from support.house import House, lone_speech, message

PACE = "--pace=rtf=0.5,first=120ms"
FLOWING = "Nous parlons longuement de la pluie et du soleil et de tout ce qui pousse au jardin derrière la maison"
"""No pause to be silent in."""
LINE = "Bonjour à tous, il fait beau ce matin, et nous parlons longuement de la pluie, du soleil et de tout le reste."


async def test_stop_is_silent_within_100_ms_of_the_click_and_the_bridge_is_told() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        page = ListeningPage(watched, house.url)
        await page.open()
        await page.ready()
        await page.listen()
        silences = []
        for _ in range(3):  # since another process may take the machine for a moment
            await page.forget()
            said = message("lisa", FLOWING)
            await house.publish(said)
            start = await page.event("playing")
            await asyncio.sleep(1.5)
            await page.page.click("#stop")
            cancelled = await page.event("cancelled")
            await asyncio.sleep(0.5)
            click = await page.clicked("stop")
            before = [at for at in await page.loud() if at <= click]
            assert click - before[-1] < 200, "it was speaking"
            silences.append(max(await page.loud()) - click + await page.latency())
            assert cancelled["contextId"] == start["contextId"]
            told = await house.announcement("tts_end", said.id)
            assert told["reason"] == "cancelled" and told["heard_text"] == cancelled["heardText"]
            assert told["heard_ms"] == cancelled["heardMs"] == pytest.approx(click - start["at"], abs=250)
            assert FLOWING.startswith(cancelled["heardText"].strip()) and cancelled["heardText"]
            assert await page.events("done") == []
            assert (await page.stats())["utterances"] == []
        print("silent", ", ".join(f"{each:.0f}" for each in silences), "ms after the click")
        assert sorted(silences)[1] < 100
        assert watched.errors == []


async def test_before_the_click_captions_run_and_after_it_sound_begins_at_what_is_live() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        page = ListeningPage(watched, house.url)
        await page.open(encodings=["s16le"])
        await page.ready()
        await house.publish(message("lisa", LINE))
        playing = await page.event("playing")
        assert (await page.event("missed"))["reason"] == "off"
        await asyncio.sleep(1.0)
        assert len(await page.events("word")) >= 2
        assert await page.loud() == []
        await page.listen()
        done = await page.event("done")
        click, loud = await page.clicked("listen"), await page.loud()
        first_sound = loud[0] - click + await page.latency()
        print(f"click to sound {first_sound:.0f} ms")
        assert first_sound < 1_500
        played = await page.played(done["contextId"])
        live_ms = loud[0] - playing["at"]
        assert played.first_sample / 24 == pytest.approx(live_ms, abs=250)
        pcm, _ = await lone_speech(house.engine.url, "lisa", LINE)
        assert played.jumps == 0
        assert np.array_equal(played.pcm, np.frombuffer(pcm, "<i2")[played.first_sample :])
        assert len(await page.events("missed")) == 1
        assert watched.errors == []


async def test_words_come_when_they_are_heard() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        page = ListeningPage(watched, house.url)
        await page.open()
        await page.ready()
        await page.listen()
        for _ in range(3):  # until one that nothing else on this machine delayed
            await page.forget()
            await house.publish(message("lisa", LINE))
            await page.event("done")
            begun = (await page.event("playing"))["at"]
            late = [word["at"] - begun - word["startMs"] for word in await page.events("word")]
            print(f"words {min(late):.0f} to {max(late):.0f} ms late")
            assert len(late) > 15
            if min(late) > -50 and max(late) < 100 and not await page.events("underrun"):
                break
        else:
            pytest.fail("words are not within 100 ms of their sound")


async def test_no_sound_without_a_gesture() -> None:
    async with House() as house, browser_page() as watched:
        # What a test evaluates in a page counts as a gesture there; a script of the page's own does not.
        await watched.page.add_init_script(
            """addEventListener("load", async () => {
              const { Player } = await import("/timbre.js");
              window.early = new Player();
              window.outcome = early.listen().then(() => "played", (error) => error.name);
            });"""
        )
        page = ListeningPage(watched, house.url)
        await page.go()
        await asyncio.sleep(5)
        assert await page.page.evaluate("outcome") == "NotAllowedError"
        assert await page.page.evaluate("[early.audio, early.state]") == ["off", "ready"]
        await page.embed()
        await page.ready()
        await page.listen()
        assert await page.page.evaluate("player.audio") == "worklet"


async def test_mute_solo_and_volume_are_heard_and_change_nothing_of_what_plays() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        page = ListeningPage(watched, house.url)
        await page.open(encodings=["s16le"])
        await page.ready()
        await page.listen()
        await page.page.evaluate("player.setAgent('electra', {solo: true})")
        await house.publish(message("lisa", LINE))
        await page.event("playing")
        await asyncio.sleep(1.0)
        assert await page.loud() == []
        await page.page.evaluate("player.setAgent('electra', {solo: false})")
        await asyncio.sleep(0.5)
        assert len(await page.loud()) > 10
        await page.page.evaluate("player.muted = true")
        await asyncio.sleep(0.5)
        count = len(await page.loud())
        await asyncio.sleep(0.5)
        assert len(await page.loud()) == count
        done = await page.event("done")
        pcm, _ = await lone_speech(house.engine.url, "lisa", LINE)
        assert np.array_equal((await page.played(done["contextId"])).pcm, np.frombuffer(pcm, "<i2"))


async def test_a_page_without_a_worklet_plays_through_scheduled_buffers_and_says_so() -> None:
    async with (
        House([PACE], ["--allow-host=bridge.test"]) as house,
        browser_page("--host-resolver-rules=MAP bridge.test 127.0.0.1") as watched,
    ):
        page = ListeningPage(watched, house.url.replace("127.0.0.1", "bridge.test"))
        await page.open()
        await page.ready()
        assert await page.page.evaluate("[isSecureContext, player.audio]") == [False, "off"]
        await page.listen()
        assert await page.page.evaluate("player.audio") == "scheduled"
        silences = []
        for _ in range(3):
            await page.forget()
            await house.publish(message("lisa", FLOWING))
            await page.event("playing")
            await asyncio.sleep(1.5)
            await page.page.click("#stop")
            cancelled = await page.event("cancelled")
            await asyncio.sleep(0.4)
            silences.append(max(await page.loud()) - await page.clicked("stop") + await page.latency())
            assert cancelled["heardMs"] > 500
        print("scheduled: silent", ", ".join(f"{each:.0f}" for each in silences), "ms after the click")
        assert sorted(silences)[1] < 100
        await house.publish(message("electra", "Tout va bien."))
        done = await page.event("done")
        pcm, _ = await lone_speech(house.engine.url, "electra", "Tout va bien.")
        played = await page.played(done["contextId"])
        assert np.array_equal(played.pcm, np.frombuffer(pcm, "<i2"))
        assert watched.errors == []


async def test_it_makes_an_agent_speak() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        page = ListeningPage(watched, house.url)
        await page.open()
        await page.ready()
        await page.listen()
        event_id = await page.page.evaluate("player.say('nobody', 'Bonsoir.')")
        assert (await page.event("error", code="unknown_agent"))["eventId"] == event_id
        await page.page.evaluate("player.say('renarde', 'Bonsoir.', {emotion: 'happy', room: 'salon'})")
        start = await page.event("start")
        assert (start["agentId"], start["emotion"], start["room"]) == ("renarde", "happy", "salon")
        assert re.match("Bonsoir", (await page.event("word"))["text"])
        assert (await page.event("done"))["complete"]


async def test_a_device_that_is_gone_does_not_keep_sound_off() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        await watched.page.add_init_script(
            """AudioContext.prototype.setSinkId = async (device) => {
              if (device) throw new DOMException("no such device", "NotFoundError");
            };"""
        )
        page = ListeningPage(watched, house.url)
        await page.open()
        await page.page.evaluate("player.setOutput('unplugged')")
        await page.listen()
        assert await page.page.evaluate("player.audio") == "worklet"
        assert await page.events("error") == []


async def test_what_is_closed_while_it_opens_is_closed() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        page = ListeningPage(watched, house.url)
        await page.open()
        # What a click handler does, without playwright calling it when it is set.
        await page.page.evaluate(
            "void (document.getElementById('stop').onclick = () => (player.listen(), player.close()))"
        )
        await page.page.click("#stop")
        await watched.until("window.speaker?.state === 'closed'")
        assert await page.page.evaluate("[player.audio, player.state]") == ["off", "closed"]
        await page.listen()
        assert await page.page.evaluate("player.audio") == "worklet"
        assert watched.errors == []


async def test_the_screen_stays_on_while_someone_speaks() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        await watched.page.add_init_script(
            """window.held = [0];
            const request = async () => {
              const lock = new EventTarget();
              lock.release = async () => held.push(held.at(-1) - 1);
              held.push(held.at(-1) + 1);
              return lock;
            };
            Object.defineProperty(navigator, "wakeLock", { value: { request } });"""
        )
        page = ListeningPage(watched, house.url)
        await page.open()
        await page.ready()
        await house.publish(message("lisa", "Sans le son."))
        await page.event("done")
        assert await page.page.evaluate("held") == [0]
        await page.listen()
        for agent in ("lisa", "electra"):
            await house.publish(message(agent, "Bonsoir à tous."))
            await page.event("done", agentId=agent, complete=True)
        assert await page.page.evaluate("held") == [0, 1], "one for both"
        await watched.until("held.at(-1) === 0", within=20)
