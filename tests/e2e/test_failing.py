"""Parts that go away, networks that are cut, listeners that do not read: nothing crashes, what can go on goes on."""

import asyncio
import socket

import psutil
import pytest

from support.house import House, message
from support.relay import Relay
from support.relayed import Relayed


async def test_redis_goes_away_and_comes_back() -> None:
    async with Relayed() as house, house.listener() as listener:
        await house.to_redis.cut()
        await house.health(lambda state: state["redis"] == "connecting")
        assert await house.metric("timbre_bridge_redis_connected") == 0
        away = await listener.next("status", redis=False)
        await house.to_redis.mend()
        await house.health(lambda state: state["redis"] == "connected")
        back = {key: value for key, value in away.items() if key != "redis"}
        await listener.wait_for(lambda: listener.messages[-1] == back)
        said = message("lisa", "Me revoilà.")
        await house.publish(said)
        await listener.next("audio.done")
        assert (await house.announcement("tts_end", said.id))["reason"] == "finished"


async def test_redis_that_does_not_answer_counts_as_away() -> None:
    async with Relayed() as house:
        house.to_redis.stall()
        await house.health(lambda state: state["redis"] == "connecting", within=30)
        house.to_redis.flow()
        await house.health(lambda state: state["redis"] == "connected")


async def test_what_waits_for_an_engine_is_spoken_when_it_is_back() -> None:
    async with Relayed() as house, house.listener() as listener:
        await house.to_engine.cut()
        await house.health(lambda state: not state["engines"]["default"])
        await house.publish(message("lisa", "Enfin."))
        await asyncio.sleep(1.0)
        assert not listener.of("audio.start")
        await house.to_engine.mend()
        await listener.next("audio.done", reason="finished")


async def test_an_engine_that_breaks_off_fails_the_utterance_and_not_the_next() -> None:
    async with Relayed(["--pace=rtf=0.9,first=100ms"]) as house, house.listener() as listener:
        said = message("lisa", "Une phrase assez longue pour être coupée au milieu, sans que rien ne casse.")
        await house.publish(said)
        await listener.next("audio.start")
        await asyncio.sleep(0.5)
        await house.to_engine.cut()
        done = await listener.next("audio.done")
        assert (done["reason"], done["samples"] > 0) == ("failed", True)
        await house.announcement("tts_error", said.id)
        assert (await house.announcement("tts_end", said.id))["reason"] == "failed"
        await house.to_engine.mend()
        await house.publish(message("lisa", "Encore."))
        await listener.next("audio.done", reason="finished")


async def test_a_stall_of_the_engine_delays_and_loses_nothing() -> None:
    async with House(["--pace=rtf=0.9,first=100ms,stall=900ms@0.5s"]) as house, house.listener() as listener:
        await house.publish(message("lisa", "Une phrase pendant laquelle le moteur s'arrête un instant."))
        done = await listener.next("audio.done")
        assert len(listener.heard(done["context_id"])[1]) == done["samples"] * 2
        assert done["reason"] == "finished"


async def test_an_engine_that_is_full_is_waited_for() -> None:
    arguments = ["--pace=rtf=0.9,first=100ms", "--slots=1", "--queue=0"]
    async with House(arguments) as house, house.listener() as listener:
        await house.publish(*(message("lisa", "Un, deux, trois.", room=f"salle {number}") for number in range(3)))
        await listener.wait_for(lambda: len(listener.of("audio.done", reason="finished")) == 3, within=40)


async def test_a_slow_listener_is_dropped_and_the_others_hear_everything() -> None:
    async with House([], ["--max-lag=2", "--ahead=30"]) as house, house.listener() as good:
        async with Relay(house.url.removeprefix("http://")) as relay:
            house_url, house.url = house.url, f"http://127.0.0.1:{relay.port}"
            slow = house.listener()
            house.url = house_url
            await slow.__aenter__()
            relay.stall()
            text = "Voici une longue histoire que personne n'interrompt et qui continue encore. " * 12
            await house.publish(message("lisa", text))
            dropped = "timbre_bridge_frames_dropped_total"
            async with asyncio.timeout(30):
                while not await house.metric(dropped, reason="slow"):
                    await asyncio.sleep(0.2)
            assert await house.metric("timbre_bridge_websocket_connections") <= 2
            relay.flow()
            await slow.wait_for(lambda: slow.close_code is not None)
            await slow.__aexit__(None, None, None)
        done = await good.next("audio.done", within=90)
        assert len(good.heard(done["context_id"])[1]) == done["samples"] * 2


async def test_sigterm_says_going_away_and_leaves_nothing() -> None:
    async with House() as house, house.listener() as listener:
        children = psutil.Process(house.bridge.pid).children(recursive=True)
        assert children == []
        assert await house.bridge.stop() == 0
        assert listener.of("session.going_away")


async def test_it_stops_at_any_moment_after_its_start() -> None:
    async with House() as house:
        for number in range(8):
            bridge = house.make_bridge()
            await bridge.start()
            await asyncio.sleep(number * 0.01)
            assert await bridge.stop() == 0


async def test_an_idle_bridge_with_everything_away_does_not_spin() -> None:
    async with Relayed() as house:
        await house.to_redis.cut()
        await house.to_engine.cut()
        await house.health(lambda state: state["redis"] == "connecting" and not state["engines"]["default"])
        process = psutil.Process(house.bridge.pid)
        before = process.cpu_times()
        await asyncio.sleep(3.0)
        after = process.cpu_times()
        used = after.user + after.system - before.user - before.system
        assert used < 1.0


async def test_a_routes_file_that_breaks_changes_nothing_and_a_new_agent_is_picked_up() -> None:
    async with House() as house, house.listener() as listener:
        routes = house.directory / "routes.json"
        good = routes.read_text()
        routes.write_text("{")
        await asyncio.sleep(1.2)
        await house.publish(message("lisa", "Toujours là."))
        await listener.next("audio.done", reason="finished")
        routes.write_text(good.replace('"agent_id":"renarde"', '"agent_id":"zoe"'))
        await house.health(lambda state: "zoe" in state["agents"])
        await house.publish(message("zoe", "Bonjour."))
        assert (await listener.next("audio.start", agent_id="zoe"))["room"] == "default"


async def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with House() as house:
            process = house.make_bridge(port)
            with pytest.raises(AssertionError, match=f"port {port}"):
                await process.start()
            assert await process.stop() == 1


async def test_many_messages_at_once_are_all_accounted_for() -> None:
    async with House() as house:
        sent = [message("lisa", f"Numéro {number}.", room=f"r{number % 7}") for number in range(60)]
        await house.publish(*sent)
        ends = await asyncio.gather(*(house.announcement("tts_end", each.id, within=60) for each in sent))
        assert {end["reason"] for end in ends} <= {"finished", "failed"}
        assert await house.metric("timbre_bridge_messages_total", type="tts_request", outcome="spoken") == 60
