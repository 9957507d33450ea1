"""From Redis to listeners, on the real parts, paced like a real model."""

import asyncio
import itertools
import json

import numpy as np
import pytest

from support.house import House, lone_speech, message

PACE = "--pace=rtf=0.9,first=120ms"
LINE = "Bonjour à tous, il fait beau ce matin."


async def test_what_is_heard_equals_the_engines_pcm_sample_for_sample() -> None:
    async with House([PACE]) as house, house.listener() as listener:
        said = message("lisa", LINE, emotion="happy")
        await house.publish(said)
        done = await listener.next("audio.done")
        context = done["context_id"]
        pcm, marks = await lone_speech(house.engine.url, "lisa", LINE, "happy")
        assert listener.heard(context) == (0, pcm)
        assert done == {"type": "audio.done", "context_id": context, "samples": len(pcm) // 2, "reason": "finished"}
        assert listener.spoken(context).strip() == marks.strip() == LINE
        start = listener.of("audio.start")[0]
        assert (start["agent_id"], start["room"], start["emotion"]) == ("lisa", "default", "happy")
        assert 0 < start["ttfb_ms"] < 5_000
        assert (await house.announcement("tts_start", said.id))["context_id"] == context
        assert (await house.announcement("tts_end", said.id))["reason"] == "finished"
        assert await house.metric("timbre_bridge_time_to_first_byte_seconds_count", floor="free") == 1
        assert await house.metric("timbre_bridge_time_to_first_sound_seconds_count", floor="free") == 1


async def test_chunks_are_one_utterance_and_sound_before_the_text_is_complete() -> None:
    async with House([PACE]) as house, house.listener() as listener:
        pieces = ["Bonjour à to", "us. ", "Il fait be", "au ce matin."]
        await house.publish(*(message("lisa", each, "narrative.chunk", correlation_id="c") for each in pieces[:2]))
        start = await listener.next("audio.start")
        await house.publish(*(message("lisa", each, "narrative.chunk", correlation_id="c") for each in pieces[2:]))
        await house.publish(message("lisa", "".join(pieces), "narrative.text", correlation_id="c"))
        done = await listener.next("audio.done")
        assert done["context_id"] == start["context_id"]
        assert listener.spoken(start["context_id"]).split() == "".join(pieces).split()
        assert len(listener.of("audio.start")) == 1


async def test_an_agent_without_a_voice_of_its_own_has_the_default_one() -> None:
    async with House(bridge_args=["--default-voice=lisa"]) as house, house.listener() as listener:
        await house.publish(message("nemo", LINE))
        start = await listener.next("audio.start", agent_id="nemo")
        await listener.next("audio.done", context_id=start["context_id"])
        pcm, _ = await lone_speech(house.engine.url, "lisa", LINE)
        assert listener.heard(start["context_id"]) == (0, pcm)


async def test_agents_sound_clearly_different() -> None:
    async with House() as house, house.listener() as listener:
        pitches = {}
        for agent in ("lisa", "electra", "renarde"):
            await house.publish(message(agent, LINE))
            start = await listener.next("audio.start", agent_id=agent)
            await listener.next("audio.done", context_id=start["context_id"])
            pitches[agent] = median_pitch(listener.heard(start["context_id"])[1])
        ordered = sorted(pitches.values())
        assert all(higher / lower > 1.12 for lower, higher in itertools.pairwise(ordered)), pitches


def median_pitch(pcm: bytes) -> float:
    """Median fundamental frequency, Hz, of the voiced 40 ms windows, by autocorrelation between 70 and 400 Hz."""
    audio = np.frombuffer(pcm, "<i2").astype(float)
    pitches = []
    for start in range(0, len(audio) - 960, 480):
        window = audio[start : start + 960] - audio[start : start + 960].mean()
        energy = float(window @ window)
        if energy < 960 * 300**2:
            continue
        correlation = np.correlate(window, window, "full")[959:] / energy
        lags = correlation[60:343]
        if lags.max() > 0.5:
            pitches.append(24_000 / (60 + int(lags.argmax())))
    return float(np.median(pitches))


async def test_one_speaker_at_a_time_in_a_room_and_rooms_at_once() -> None:
    async with House([PACE]) as house, house.listener() as listener:
        await house.publish(
            message("lisa", "Un, deux, trois, quatre."),
            message("electra", "Cinq, six, sept."),
            message("renarde", "Huit, neuf, dix.", room="jardin"),
        )
        await listener.wait_for(lambda: len(listener.of("audio.done")) == 3)
        order = [(each["type"], each.get("agent_id")) for _, each in listener.times if isinstance(each, dict)]
        starts = [agent for kind, agent in order if kind == "audio.start"]
        assert set(starts[:2]) == {"lisa", "renarde"}
        assert starts[2] == "electra"
        first, second = (listener.of("audio.start", agent_id=agent)[0] for agent in ("lisa", "electra"))
        done = listener.of("audio.done", context_id=first["context_id"])[0]
        assert listener.messages.index(done) < listener.messages.index(second)
        # By the bridge's own clock, which began with both messages: the first was played to its end.
        assert second["ttfb_ms"] >= first["ttfb_ms"] + done["samples"] / 24 - 250
        assert await house.metric("timbre_bridge_time_to_first_byte_seconds_count", floor="waited") == 1
        status = [each for each in listener.of("status") if each["waiting"]]
        assert all(place["agent_id"] == "electra" for each in status for place in each["waiting"])


async def test_rooms_and_agents_are_chosen() -> None:
    async with (
        House() as house,
        house.listener(rooms=["jardin"]) as garden,
        house.listener(agents=["Electra"]) as electra,
        house.listener() as everything,
    ):
        await house.publish(message("lisa", "Au jardin.", room="jardin"), message("electra", "Au salon."))
        await everything.wait_for(lambda: len(everything.of("audio.done")) == 2)
        await garden.next("audio.done")
        await electra.next("audio.done")
        assert [each["agent_id"] for each in garden.of("audio.start")] == ["lisa"]
        assert [each["agent_id"] for each in electra.of("audio.start")] == ["electra"]


async def test_barge_in_stops_the_engine_and_says_what_was_heard() -> None:
    async with House(["--pace=rtf=0.9,first=100ms"]) as house, house.listener() as one, house.listener() as other:
        said = message("lisa", "Ceci est une phrase assez longue pour être interrompue. " * 8)
        await house.publish(said)
        start = await one.next("audio.start")
        context = start["context_id"]
        await one.wait_for(lambda: len(one.frames[start["stream_id"]]) * 80 > 800)
        await one.send({"type": "context.cancel", "context_id": context, "played_ms": 800})
        cancelled = await one.next("context.cancelled")
        assert cancelled["heard_ms"] == 800
        assert 0 < len(cancelled["heard_text"]) < 40
        assert "Ceci est une phrase assez longue".startswith(cancelled["heard_text"][:10])
        assert (await other.next("context.cancelled"))["heard_ms"] == 800
        end = await house.announcement("tts_end", said.id)
        assert (end["reason"], end["heard_ms"]) == ("cancelled", 800)
        assert end["heard_text"] == cancelled["heard_text"]
        async with asyncio.timeout(5.0):  # its speech would go on for longer
            while await house.engine.processing():
                await asyncio.sleep(0.01)
        await house.publish(message("lisa", "Oui ?"))
        await one.next("audio.done")
        after = one.times[[each for _, each in one.times].index(cancelled) + 1 :]
        late = [each for _, each in after if isinstance(each, dict) and each.get("context_id") == context]
        assert late == []
        assert not one.of("audio.done", context_id=context)
        stream = start["stream_id"]
        assert not [each for _, each in after if not isinstance(each, dict) and each.stream_id == stream]
        await one.send({"type": "context.cancel", "context_id": context, "event_id": "e"})
        assert (await one.next("error"))["code"] == "unknown_context"


async def test_what_waits_for_the_floor_can_be_cancelled() -> None:
    async with House([PACE]) as house, house.listener() as listener:
        await house.publish(message("lisa", "Ceci est une phrase assez longue pour que l'on attende sa fin. " * 2))
        await listener.next("audio.start")
        waiting = message("electra", "Et moi ?")
        await house.publish(waiting)
        await listener.wait_for(lambda: any(status["waiting"] for status in listener.of("status")))
        context = next(status["waiting"][0]["context_id"] for status in listener.of("status") if status["waiting"])
        await listener.send({"type": "context.cancel", "context_id": context})
        cancelled = await listener.next("context.cancelled")
        assert (cancelled["context_id"], cancelled["heard_ms"], cancelled["heard_text"]) == (context, 0, "")
        assert (await house.announcement("tts_end", waiting.id))["reason"] == "cancelled"
        await listener.next("audio.done", reason="finished")
        assert len(listener.of("audio.start")) == 1


@pytest.mark.parametrize("encoding", ["s16le", "opus"])
async def test_resume_after_a_cut_loses_no_sample(encoding: str) -> None:
    text = "Il était une fois, dans une forêt profonde, une renarde qui savait parler aux étoiles."
    async with House([PACE]) as house:
        async with house.listener(encodings=[encoding]) as first:
            await house.publish(message("renarde", text))
            start = await first.next("audio.start")
            assert start["encoding"] == encoding
            await first.wait_for(lambda: len(first.frames[start["stream_id"]]) > 5)
        received = first.frames[start["stream_id"]]
        position = received[-1].first_sample + received[-1].n_samples
        resume = [{"context_id": start["context_id"], "next_sample": position}]
        async with house.listener(encodings=[encoding], resume=resume) as second:
            again = await second.next("audio.start")
            assert (again["first_sample"], again["context_id"]) == (position, start["context_id"])
            done = await second.next("audio.done")
            rest = second.frames[again["stream_id"]]
            assert rest[-1].first_sample + rest[-1].n_samples == done["samples"]
            assert (again["pre_skip"] > 0) == (encoding == "opus")
            if encoding == "s16le":
                pcm, _ = await lone_speech(house.engine.url, "renarde", text)
                assert first.heard(start["context_id"])[1] + second.heard(start["context_id"])[1] == pcm


async def test_resuming_what_is_gone_says_so() -> None:
    async with House() as house, house.listener(resume=[{"context_id": "x", "next_sample": 0}]) as listener:
        error = await listener.next("error")
        assert (error["code"], error["context_id"]) == ("resume_gone", "x")


async def test_a_listener_makes_an_agent_speak() -> None:
    async with House() as house, house.listener() as listener:
        await listener.send({"type": "text.speak", "agent_id": "Lisa", "text": "Bonsoir.", "event_id": "e1"})
        assert (await listener.next("audio.start"))["agent_id"] == "lisa"
        await listener.send({"type": "text.speak", "agent_id": "personne", "text": "Bonsoir.", "event_id": "e2"})
        error = await listener.next("error")
        assert (error["code"], error["event_id"]) == ("unknown_agent", "e2")


async def test_what_cannot_be_read_is_counted_and_nothing_breaks() -> None:
    async with House() as house, house.listener() as listener:
        junk = [b"\xff\x00junk", b"{", b"[]", b"{}", b'"x"', b"[" * 50_000, b'{"type": 3}']
        for data in [*junk, b"x" * 10_000_000]:
            await house.redis.publish("broadcast", data)
        await house.publish(
            message("lisa", "rien", "user_message"),
            message("lisa", "rien", "lights.dim"),
            message("personne", "rien", "narrative.text"),
            message("lisa", "🦊✨", "narrative.text"),
            message("lisa", "Toujours là."),
        )
        start = await listener.next("audio.start")
        assert listener.of("audio.done", reason="empty")
        await listener.next("audio.done", context_id=start["context_id"])
        count = "timbre_bridge_messages_total"
        assert await house.metric(count, outcome="malformed") == len(junk)
        assert await house.metric(count, outcome="too_large") == 1
        assert await house.metric(count, outcome="unknown_agent") == 1
        assert await house.metric(count, type="other", outcome="not_speech") == 2
        assert not any("junk" in line or "rien" in line for line in house.bridge.log)
        assert len([line for line in house.bridge.log if "cannot be read" in line]) == 2


async def test_an_unknown_agent_that_asks_is_told() -> None:
    async with House() as house:
        said = message("personne", "Bonjour.")
        await house.publish(said)
        error = await house.announcement("tts_error", said.id)
        assert "electra, lisa, renarde" in error["message"]


async def test_ttl_and_the_same_message_twice() -> None:
    async with House() as house, house.listener() as listener:
        old = message("lisa", "Trop tard.", ttl=0)
        await house.publish(old)
        assert (await house.announcement("tts_end", old.id))["reason"] == "expired"
        once = message("lisa", "Une seule fois.")
        await house.publish(once, once)
        await house.publish(message("electra", "Fin."))
        await listener.next("audio.start", agent_id="electra")
        assert [each["agent_id"] for each in listener.of("audio.start")] == ["lisa", "electra"]


async def test_health_says_what_is_there() -> None:
    async with House() as house:
        assert json.loads(await house.get("/healthz")) == {
            "status": "ok",
            "redis": "connected",
            "engines": {"default": True},
            "agents": ["electra", "lisa", "renarde"],
        }


async def test_another_channel() -> None:
    async with House([], ["--channel=autre"]) as house, house.listener() as listener:
        await house.publish(message("electra", "Personne n'entend."))
        await house.redis.publish("autre", message("lisa", "Par ici.").encode())
        assert (await listener.next("audio.start"))["agent_id"] == "lisa"
