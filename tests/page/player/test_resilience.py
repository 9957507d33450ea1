"""Cut networks, restarted bridges, refused tokens: the player comes back, and each sample is heard once."""

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest

from page.player.listening_page import ListeningPage
from support.browser import browser_page
from support.house import House, lone_speech, message
from support.relay import Relay
from timbre_common import tokens
from timbre_common.tokens import Grant

PACE = "--pace=rtf=0.9,first=120ms"
LINE = "Bonjour à tous, il fait beau ce matin. Nous parlons un peu de la pluie et du soleil, puis de tout le reste."
SECRET = "0123456789abcdef" * 3


@pytest.mark.parametrize("encoding", ["s16le", "opus"])
async def test_a_cut_network_loses_and_doubles_no_sample(encoding: str) -> None:
    async with (
        House([PACE]) as house,
        Relay(house.url.removeprefix("http://")) as relay,
        browser_page() as watched,
    ):
        page = ListeningPage(watched, f"http://127.0.0.1:{relay.port}")
        await page.open(encodings=[encoding])
        await page.ready()
        await page.listen()
        await house.publish(message("lisa", LINE))
        await page.event("playing")
        for _ in range(2):
            await asyncio.sleep(1.0)
            await relay.cut()
            await asyncio.sleep(0.7)
            await relay.mend()
            await watched.until("player.state === 'ready'")
        done = await page.event("done")
        pcm, text = await lone_speech(house.engine.url, "lisa", LINE)
        made = np.frombuffer(pcm, "<i2")
        played = await page.played(done["contextId"])
        assert (played.first_sample, played.jumps, len(played.pcm)) == (0, 0, len(made))
        if encoding == "s16le":
            assert np.array_equal(played.pcm, made)
        else:
            assert np.corrcoef(played.pcm, made)[0, 1] > 0.8
        stats = await page.stats()
        print(f"{encoding}: {stats['reconnections']} reconnections, {stats['underruns']} underruns")
        assert (done["complete"], stats["reconnections"], stats["lostSamples"]) == (True, 2, 0)
        assert "".join(each["text"] for each in await page.events("word")).split() == text.split()
        assert [error for error in watched.errors if "WebSocket connection" not in error] == []


async def test_a_silent_network_is_noticed_when_the_page_comes_back_to_the_front() -> None:
    async with House([PACE]) as house, Relay(house.url.removeprefix("http://")) as relay, browser_page() as watched:
        page = ListeningPage(watched, f"http://127.0.0.1:{relay.port}")
        await page.open()
        await page.ready()
        relay.stall()
        await page.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        lost = await page.event("state", state="reconnecting", within=10)
        assert "silent" in lost["reason"]
        # The next connection is slow to answer too: it is given its time, not dropped for the old one's silence.
        await watched.until("player.state === 'reconnecting'")
        await asyncio.sleep(3.0)
        assert len(await page.events("state", state="reconnecting")) == 1
        relay.flow()
        await watched.until("player.state === 'ready'")
        assert (await page.stats())["reconnections"] == 1


async def test_it_moves_when_the_bridge_goes_away() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        page = ListeningPage(watched, house.url)
        await page.open()
        await page.ready()
        await page.listen()
        port = int(house.url.rpartition(":")[2])
        await house.bridge.stop()
        await page.event("state", state="reconnecting")
        house.bridge = house.make_bridge(port)
        await house.bridge.start()
        try:
            await watched.until("player.state === 'ready'")
            await house.ready()
            await house.publish(message("lisa", "De retour."))
            assert (await page.event("done"))["complete"]
        finally:
            await house.bridge.stop()


async def test_a_refused_token_ends_the_tries_and_a_new_one_starts_them_again(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    async with (
        House(bridge_args=[f"--token-secret-file={secret}"], wait_ready=False) as house,
        browser_page() as watched,
    ):
        page = ListeningPage(watched, house.url)
        await page.open(token="not one")
        refused = await page.event("state", state="refused")
        assert refused["code"] == 4401
        tries = len(await page.events("state"))
        await asyncio.sleep(1.0)
        assert len(await page.events("state")) == tries
        token = tokens.sign(Grant(expires_at=time.time() + 60), SECRET.encode())
        await page.page.evaluate("token => player.set({token})", token)
        await page.ready()


async def test_what_is_no_longer_wanted_is_silent_and_comes_back() -> None:
    async with House([PACE]) as house, browser_page() as watched:
        page = ListeningPage(watched, house.url)
        await page.open(encodings=["s16le"])
        await page.ready()
        await page.listen()
        said = message("lisa", LINE)
        await house.publish(said)
        await page.event("playing")
        await page.page.evaluate("player.set({agents: ['electra']})")
        await watched.until("player.stats().utterances.length === 0")
        await asyncio.sleep(0.3)
        count = len(await page.loud())
        await asyncio.sleep(0.5)
        assert len(await page.loud()) == count
        await page.page.evaluate("player.set({agents: null})")
        assert (await page.event("done"))["reason"] == "finished"
        assert len(await page.loud()) > count
        assert (await house.announcement("tts_end", said.id))["reason"] == "finished"
        assert watched.errors == []


async def test_after_an_interruption_it_goes_on_at_what_is_live() -> None:
    async with House(["--pace=rtf=0.5,first=120ms"]) as house, browser_page() as watched:
        page = ListeningPage(watched, house.url)
        await page.open(encodings=["s16le"])
        await page.ready()
        await page.listen()
        await house.publish(message("lisa", LINE))
        playing = await page.event("playing")
        await asyncio.sleep(1.0)
        await page.page.evaluate("speaker.suspend()")  # what a phone call does
        await watched.until("player.audio === 'interrupted'")
        await asyncio.sleep(1.5)
        await page.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await watched.until("player.audio === 'worklet'")
        assert (await page.event("missed"))["reason"] == "interrupted"
        done = await page.event("done")
        played = await page.played(done["contextId"])
        pcm, _ = await lone_speech(house.engine.url, "lisa", LINE)
        assert played.jumps == 1
        skipped = len(pcm) // 2 - len(played.pcm)
        audio = {each["audio"]: each["at"] for each in await page.events("state", state="ready")}
        assert skipped / 24 == pytest.approx(audio["worklet"] - audio["interrupted"], abs=300)
        assert not done["complete"]
        assert done["at"] - playing["at"] == pytest.approx(len(pcm) / 48, abs=400), "live again"
        assert watched.errors == []
