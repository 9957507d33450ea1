"""The process: how it starts, what it refuses, how it ends."""

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from support.engine_process import EngineProcess, house_voices
from support.engine_stream import engine_stream_of
from support.process import BIN
from timbre_common.engine_stream import Done, End, Error, Start, Text
from timbre_common.names import ENV_ADMIN_TOKEN


async def run(*arguments: str, **environ: str) -> tuple[int, str]:
    """The command's exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        str(BIN / "timbre-engine"),
        *arguments,
        env={name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        | {"COLUMNS": "100", **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def gone(pids: Sequence[int], within: float = 10.0) -> None:
    async with asyncio.timeout(within):
        while any(runs(pid) for pid in pids):
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    # A zombie is gone: who reaps an orphan, and when, is the machine's business.
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def test_help_tells_every_flag() -> None:
    status, said = await run("serve", "--help")
    assert status == 0
    for flag in ("--port", "--admin-port", "--slots", "--queue", "--max-chars", "--pace", "--voices", "--log-level"):
        assert flag in said


@pytest.mark.parametrize(
    ("arguments", "environ", "says"),
    [
        ([], {}, ENV_ADMIN_TOKEN),
        (["--admin-token-file=/nowhere/token"], {}, "/nowhere/token"),
        (["--tempo=2"], {ENV_ADMIN_TOKEN: "t"}, "--tempo"),
        (["--slots=0"], {ENV_ADMIN_TOKEN: "t"}, "slots"),
        (["--pace=fast"], {ENV_ADMIN_TOKEN: "t"}, "pace"),
        (["--backend=sam"], {ENV_ADMIN_TOKEN: "t"}, "backend"),
        ([], {ENV_ADMIN_TOKEN: "t", "TIMBRE_ENGINE_TEMPO": "2"}, "TIMBRE_ENGINE_TEMPO"),
        (["--voices=/nowhere/voices.json"], {ENV_ADMIN_TOKEN: "t"}, "/nowhere/voices.json"),
        (["--host=203.0.113.1"], {ENV_ADMIN_TOKEN: "t"}, "203.0.113.1"),
        (["--model=/nowhere"], {ENV_ADMIN_TOKEN: "t"}, "/nowhere is no model directory"),
        (["--backend=qwen3tts"], {ENV_ADMIN_TOKEN: "t"}, "--model"),
        (["--lora=lisa"], {ENV_ADMIN_TOKEN: "t"}, "--lora"),
    ],
)
async def test_what_cannot_be_is_said_in_a_line(arguments: list[str], environ: dict[str, str], says: str) -> None:
    status, said = await run("serve", "--port=0", "--admin-port=0", *arguments, **environ)
    assert status in {1, 2}
    assert says in said
    assert "Traceback" not in said


async def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for flags in (f"--port={port}", "--admin-port=0"), ("--port=0", f"--admin-port={port}"):
            status, said = await run("serve", *flags, **{ENV_ADMIN_TOKEN: "t"})
            assert status == 1
            assert f"port {port} on 127.0.0.1 is in use" in said
            assert "Traceback" not in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_it_leaves_nothing(number: signal.Signals) -> None:
    async with EngineProcess(voices=house_voices()) as engine:
        workers = engine.children()
        assert len(workers) >= 1
        assert await engine.stop(number) == 0
        await gone(workers)


async def test_told_to_stop_it_lets_the_speaker_finish() -> None:
    async with EngineProcess("--pace=rtf=0.1", voices=house_voices()) as engine, engine_stream_of(engine.url) as stream:
        await stream.send(Start(voice="lisa"), Text(text="Une phrase. Puis une autre. Et la dernière."), End())
        first = await stream.audio()
        stopping = asyncio.create_task(engine.stop())
        heard = await stream.rest()
        assert heard.end == Done(samples=len(first + heard.pcm) // 2, reason="finished")
        assert await stopping == 0


async def test_while_it_drains_it_lives_and_sends_new_requests_elsewhere() -> None:
    arguments = ["--pace=rtf=1", "--drain-timeout=60", "--slots=1"]
    async with EngineProcess(*arguments, voices=house_voices()) as engine, engine_stream_of(engine.url) as stream:
        async with engine_stream_of(engine.url) as other, engine_stream_of(engine.url) as queued:
            await stream.send(Start(voice="lisa"), Text(text="Une phrase. Puis une autre. Et la dernière."), End())
            await stream.audio()
            await queued.send(Start(voice="lisa"), Text(text="Bonjour."), End())
            async with asyncio.timeout(20):
                while await engine.metric("timbre_engine_requests_waiting") != 1:
                    await asyncio.sleep(0.02)
            stopping = asyncio.create_task(engine.stop())
            async with asyncio.timeout(20):
                while (await engine.fetch("/health"))[0] != 503:
                    await asyncio.sleep(0.02)
            assert (await engine.fetch("/livez"))[0] == 200
            refused = (await other.say(Start(voice="lisa"), ["Bonjour."])).end
            assert isinstance(refused, Error) and refused.code == "engine_unavailable"
            refused = (await queued.rest()).end
            assert isinstance(refused, Error) and refused.code == "engine_unavailable"
            body = b'{"model":"tts-1","voice":"lisa","input":"Bonjour."}'
            assert (await engine.fetch("/v1/audio/speech", "POST", body))[0] == 503
            heard = await stream.rest()
            assert isinstance(heard.end, Done) and heard.end.reason == "finished"
        assert await stopping == 0


async def test_tokens_are_exchanged_without_a_gap(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("old\n")

    async def status(token: str) -> int:
        engine.admin_token = token
        return (await engine.fetch("/admin/voices", admin=True))[0]

    async with EngineProcess(f"--admin-token-file={tokens}") as engine:
        assert [await status(token) for token in ("old", "new")] == [200, 401]
        for lines, right in (("new\nold\n", [200, 200]), ("new\n", [401, 200])):
            (tmp_path / "next").write_text(lines)
            (tmp_path / "next").replace(tokens)
            assert [await status(token) for token in ("old", "new")] == right


async def test_killed_it_leaves_no_worker() -> None:
    async with EngineProcess(voices=house_voices()) as engine:
        workers = engine.children()
        await engine.kill()
        await gone(workers)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
async def test_it_begins_with_a_voices_document(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"voices.{suffix}"
    encode = msgspec.json.encode if suffix == "json" else msgspec.yaml.encode
    path.write_bytes(encode(house_voices(generation=7)))
    async with EngineProcess(f"--voices={path}") as engine, engine_stream_of(engine.url) as stream:
        assert isinstance((await stream.say(Start(voice="electra"), ["Bonjour."])).end, Done)
        status = await engine.put_voices(house_voices(generation=6))
        assert (status.generation, sorted(status.voices)) == (7, ["electra", "lisa", "renarde"])


async def test_a_broken_voices_document_is_named(tmp_path: Path) -> None:
    path = tmp_path / "voices.yaml"
    path.write_text("generation: 1\nvoices: [{name: Lisa, languages: [fr]}]\n")
    status, said = await run("serve", f"--voices={path}", "--port=0", "--admin-port=0", **{ENV_ADMIN_TOKEN: "t"})
    assert status == 1
    assert str(path) in said
    assert "name" in said


async def test_texts_and_tokens_are_never_logged() -> None:
    async with EngineProcess("--log-level=debug", voices=house_voices()) as engine:
        async with engine_stream_of(engine.url) as stream:
            await stream.say(Start(voice="lisa"), ["Un secret bien gardé."])
            await stream.socket.send('{"type":"text","text":"un autre secret"')
            await stream.rest()
        await engine.fetch("/v1/audio/speech", "POST", b'{"model":"tts-1","voice":"lisa","input":"un secret aussi"}')
        await engine.fetch("/v1/audio/speech", "POST", b'{"model":"tts-1","voice":"lisa","input":["un secret encore"]}')
        await engine.stop()
        log = "\n".join(engine.log)
    assert "listening" in log
    assert "secret" not in log
    assert engine.admin_token not in log
