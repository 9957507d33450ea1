"""What one hears and sees while agents speak, and the hands on it."""

import asyncio
import wave
from pathlib import Path

import numpy as np
from playwright.async_api import expect

from page.app.visit import LINE, LONG, visit
from support.house import message


async def test_words_are_shown_as_they_are_heard_and_the_speaker_with_them() -> None:
    async with visit() as seen:
        await seen.listen()
        await seen.speaks("renarde", LONG, emotion="happy")
        line = seen.page.locator(".line")
        await expect(line.locator("b")).to_have_text("Renarde")
        await expect(line.locator(".feeling")).to_have_text("joie")
        await expect(seen.page.locator('.card[data-agent="renarde"]')).to_have_attribute("data-on", "")
        await expect(seen.page.locator('.card[data-agent="lisa"] .doing')).to_have_text("silencieux")
        now = line.locator(".words .now")
        await expect(now).to_have_count(1)
        first = await now.text_content()
        await expect(now).not_to_have_text(first or "")
        level = "document.querySelector('.card[data-agent=renarde]').style.getPropertyValue('--level')"
        async with asyncio.timeout(5):
            while float(await seen.page.evaluate(level) or 0) < 0.1:
                await asyncio.sleep(0.02)
        await expect(line).to_have_attribute("data-over", "")
        await expect(line.locator(".words")).to_have_text(LONG.replace(" !", "\u00a0!"))
        await expect(seen.page.locator('.card[data-agent="renarde"] .doing')).to_have_text("silencieux")
        await expect(seen.page.locator("#latency-figure")).to_contain_text("entendu après")


async def test_escape_interrupts_and_the_next_one_waits_no_longer() -> None:
    async with visit() as seen:
        await seen.listen()
        said = message("lisa", LONG)
        await seen.house.publish(said)
        await seen.speaks("electra", LINE)
        await expect(seen.page.locator("#waiting li")).to_have_text("Electra")
        await expect(seen.page.locator(".words .now")).to_have_count(1)
        await seen.page.keyboard.press("Escape")
        ended = await seen.house.announcement("tts_end", said.id)
        assert ended["reason"] == "cancelled"
        assert LONG.startswith(ended["heard_text"].strip())
        await expect(seen.page.locator('.line[data-agent="electra"]')).to_be_visible()


async def test_the_button_interrupts_and_says_so() -> None:
    async with visit() as seen:
        await seen.speaks("lisa", LONG)
        await expect(seen.page.locator(".words .now")).to_have_count(1)
        await seen.page.click("#stop")
        await expect(seen.page.locator(".line .badge")).to_have_text("interrompu")
        await expect(seen.page.locator("#stop")).to_be_hidden()


async def test_what_waits_can_be_called_off() -> None:
    async with visit() as seen:
        await seen.speaks("lisa", LONG)
        await seen.speaks("electra", LINE)
        await seen.page.click("#waiting button")
        await expect(seen.page.locator("#waiting-panel")).to_be_hidden()
        await expect(seen.page.locator(".words .now")).to_have_count(1)


async def test_before_the_click_captions_run_and_missed_sound_is_marked() -> None:
    async with visit() as seen:
        await expect(seen.page.locator("#missed")).to_have_text("Les navigateurs ne jouent aucun son sans un clic.")
        await seen.speaks("lisa", LINE)
        await expect(seen.page.locator(".words .now")).to_have_count(1)
        await expect(seen.page.locator("#missed")).to_have_text("Une parole est passée sans être entendue.")
        await expect(seen.page.locator(".line .badge")).to_have_text("sans le son")
        # A screen reader is given whole sentences, while there is no sound that they would talk over.
        await expect(seen.page.locator("#live")).to_have_text(f"Lisa : {LINE}")
        await expect(seen.page.locator("#history .badge")).to_have_text("sans le son")
        await seen.listen()
        await expect(seen.page.locator("#missed")).to_be_hidden()
        await seen.page.click("#history button")
        await expect(seen.page.locator("#history .badge")).to_have_count(0)


async def test_a_screen_reader_reads_what_is_muted_and_not_what_sounds() -> None:
    async with visit() as seen:
        await seen.listen()
        await seen.speaks("lisa", "Bonjour.")
        await expect(seen.page.locator('.line[data-agent="lisa"][data-over]')).to_have_count(1)
        await expect(seen.page.locator("#live")).to_be_empty()
        await seen.page.click("#mute")
        await seen.speaks("electra", "Bonsoir.")
        await expect(seen.page.locator("#live")).to_have_text("Electra : Bonsoir.")


async def test_the_form_makes_an_agent_speak() -> None:
    async with visit() as seen:
        await seen.page.fill("#say-text", "La réunion commence.")
        await seen.page.select_option("#say-agent", "electra")
        await seen.page.select_option("#say-emotion", "alert")
        await seen.page.click("#say-go")
        await expect(seen.page.locator("#say-hint")).to_have_text("Envoyé à Electra.")
        await expect(seen.page.locator(".line b")).to_have_text("Electra")
        await expect(seen.page.locator(".line .feeling")).to_have_text("alerte")
        await expect(seen.page.locator("#say-text")).to_have_value("")


async def test_text_is_text_whatever_is_in_it() -> None:
    async with visit() as seen:
        await seen.page.fill("#say-text", "Voici <b>du gras</b> et <img src=x onerror=alert(1)>")
        await seen.page.keyboard.press("Enter")
        await expect(seen.page.locator(".line")).to_have_count(1)
        await expect(seen.page.locator("#history li")).to_have_count(1, timeout=20_000)
        assert await seen.page.locator(".words b, .words img, #history .text > *").count() == 0


async def test_rooms_are_listened_to_one_or_all() -> None:
    async with visit() as seen:
        await seen.speaks("lisa", LONG, room="salon")
        await expect(seen.page.locator(".line")).to_have_count(1)
        await seen.speaks("electra", LINE)
        await expect(seen.page.locator('.line[data-agent="lisa"] .about')).to_contain_text("salon")
        await seen.page.select_option("#room", "default")
        said = message("renarde", LONG, room="salon")
        await seen.house.publish(said)
        await seen.house.announcement("tts_start", said.id)
        await expect(seen.page.locator('#history [data-key]:has(b:text("Electra"))')).to_have_count(1, timeout=20_000)
        await expect(seen.page.locator('.line[data-agent="renarde"]')).to_have_count(0)
        await seen.page.select_option("#room", "")
        await expect(seen.page.locator('.line[data-agent="renarde"]')).to_have_count(1)


async def test_talking_interrupts_where_the_microphone_is_turned_on(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 6_000, 24_000 * 10)
    noise[: 24_000 * 4] /= 1_000  # quiet at first, so that the gate learns the room
    with wave.open(str(tmp_path / "talk.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(24_000)
        sound.writeframes(noise.clip(-32_768, 32_767).astype("<i2").tobytes())
    fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    async with visit(flags=[*fake, f"--use-file-for-fake-audio-capture={tmp_path / 'talk.wav'}"]) as seen:
        # As on iOS, where a session that only plays gets no microphone.
        await seen.page.evaluate("Object.defineProperty(navigator, 'audioSession', { value: { type: 'auto' } })")
        await seen.listen()
        assert await seen.page.evaluate("navigator.audioSession.type") == "playback"
        await expect(seen.page.locator("#talk")).to_have_attribute("aria-pressed", "false")
        await seen.page.click("#talk")
        await expect(seen.page.locator("#talk")).to_have_attribute("aria-pressed", "true")
        assert await seen.page.evaluate("navigator.audioSession.type") == "play-and-record"
        said = message("lisa", LONG)
        await seen.house.publish(said)
        assert (await seen.house.announcement("tts_end", said.id))["reason"] == "cancelled"
        await seen.page.click("#talk")
        await expect(seen.page.locator("#talk")).to_have_attribute("aria-pressed", "false")
        assert await seen.page.evaluate("navigator.audioSession.type") == "playback"
