"""The speech model behind a fetcher: voices whose adapters come from elsewhere, and change."""

import asyncio
import hashlib
from pathlib import Path

from aiohttp import web

from support import golden
from support.engine_process import EngineProcess
from support.engine_stream import engine_stream_of
from support.fetcher_process import FetcherProcess
from support.source_server import SourceServer, status
from timbre_common.documents import Voice, VoicesDocument, VoiceState
from timbre_common.engine_stream import Done, Start
from timbre_common.sources import Http
from timbre_common.voiceprofile import Adapter, Sampling


def lisa(url: str, content: bytes) -> Voice:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    adapter = Adapter(http=Http(url=url), digest=digest)
    return Voice(name="lisa", languages=["fr"], speaker="vivian", adapter=adapter, sampling=Sampling(temperature=0.0))


async def said(engine: EngineProcess) -> bytes:
    async with engine_stream_of(engine.url) as stream:
        heard = await stream.say(Start(voice="lisa"), ["Oui."])
        assert isinstance(heard.end, Done)
        return heard.pcm


async def test_a_voice_speaks_once_its_adapter_has_come_and_goes_on_while_it_changes(
    tiny_model: Path, tmp_path: Path
) -> None:
    first = (tiny_model / "adapters" / "lisa.gguf").read_bytes()
    other = golden.make_adapter(tmp_path / "peft", seed=8)
    second = golden.export_adapter(other, tiny_model, "adapters/second.gguf").read_bytes()
    go_on = asyncio.Event()

    async def held(request: web.Request) -> web.StreamResponse:
        await go_on.wait()
        return web.Response(body=second)

    model = [f"--model={tiny_model}", f"--adapters={tmp_path / 'adapters'}", "--exact", "--slots=1"]
    async with SourceServer() as source, EngineProcess(*model) as engine:
        source.trusted_by(tmp_path / "credentials")
        source.answers |= {"/first": status(503), "/second": held}
        allowed = [f"--allowed-hosts={source.hosts()}", "--allow-private"]
        async with FetcherProcess(tmp_path, engine.admin_url, *allowed) as fetcher:
            voice = lisa(source.url("/first"), first)
            await fetcher.put(VoicesDocument(generation=1, voices=[voice]))
            assert (await fetcher.until_code("lisa", "fetch_failed")).voices["lisa"].state is VoiceState.FAILED
            source.answers["/first"] = first
            ready = await fetcher.until_ready("lisa")
            assert (ready.voices["lisa"].digest, ready.voices["lisa"].code) == (voice.digest, "")
            before = await said(engine)

            changed = lisa(source.url("/second"), second)
            told = await fetcher.put(VoicesDocument(generation=2, voices=[changed]))
            assert (told.voices["lisa"].state, told.voices["lisa"].code) == (VoiceState.LOADING, "fetching")
            assert await said(engine) == before
            go_on.set()
            await fetcher.until(lambda status: status.voices["lisa"].digest == changed.digest)
            await fetcher.until_ready("lisa")
            assert await said(engine) != before

            await fetcher.put(VoicesDocument(generation=3, voices=[lisa(source.url("/third"), b"nothing")]))
            await fetcher.until_code("lisa", "source_missing")
            source.answers["/third"] = b"nothing"
            refused = await fetcher.until_code("lisa", "malformed", within=120)
            assert "no GGUF" in refused.voices["lisa"].reason
