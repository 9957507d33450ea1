"""The speech model behind a fetcher: voices whose adapters come from elsewhere, and change."""

import asyncio
import hashlib
import shutil
from functools import partial
from pathlib import Path

import msgspec
from aiohttp import web

from support import golden
from support.engine_process import EngineProcess
from support.engine_stream import engine_stream_of
from support.fetcher_process import FetcherProcess
from support.source_server import SourceServer, status
from timbre_common.documents import Voice, VoicesDocument, VoicesStatus, VoiceState
from timbre_common.engine_stream import Done, Start
from timbre_common.sources import Http
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_loras import adapter_gguf


def lisa(url: str, content: bytes) -> Voice:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    adapter = Adapter(http=Http(url=url), digest=digest)
    return Voice(name="lisa", languages=["fr"], speaker="vivian", adapter=adapter, sampling=Sampling(temperature=0.0))


def is_listed(voice: Voice, status: VoicesStatus) -> bool:
    return status.voices[voice.name].digest == voice.digest


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


async def test_a_voice_whose_code_predictor_is_adapted_speaks_once_both_files_have_come(
    tiny_model: Path, tmp_path: Path
) -> None:
    weights = golden.make_predictor_adapter(tmp_path / "peft", seed=1, beside=golden.make_adapter(tmp_path / "talker"))
    path = golden.export_adapter(weights, tiny_model, "adapters/both.gguf")
    part = adapter_gguf.read(path).predictor()
    assert part is not None
    home = tmp_path / "adapters"
    model = [f"--model={tiny_model}", f"--adapters={home}", "--exact", "--slots=1"]
    async with SourceServer() as source, EngineProcess(*model) as engine:
        source.trusted_by(tmp_path / "credentials")
        source.answers["/fr/lisa.gguf"] = path.read_bytes()
        allowed = [f"--allowed-hosts={source.hosts()}", "--allow-private"]
        async with FetcherProcess(tmp_path, engine.admin_url, *allowed) as fetcher:
            voice = lisa(source.url("/fr/lisa.gguf"), path.read_bytes())
            await fetcher.put(VoicesDocument(generation=1, voices=[voice]))
            told = (await fetcher.until_code("lisa", "source_missing")).voices["lisa"]
            assert told.state is VoiceState.FAILED and told.reason.startswith(f"http: {part.path.name}: localhost")
            source.answers[f"/fr/{part.path.name}"] = part.path.read_bytes()
            await fetcher.until_ready("lisa", within=120)
            fetched = await said(engine)

            for each in path, part.path:
                shutil.copy(each, home)
            by_path = msgspec.structs.replace(voice, adapter=Adapter(path=path.name))
            talker_alone = msgspec.structs.replace(voice, adapter=Adapter(path="talker.gguf"))
            golden.export_adapter(tmp_path / "talker", tiny_model, "adapters/talker.gguf")
            shutil.copy(tiny_model / "adapters" / "talker.gguf", home)
            heard = []
            for generation, other in enumerate((by_path, talker_alone), 2):
                await fetcher.put(VoicesDocument(generation=generation, voices=[other]))
                await fetcher.until(partial(is_listed, other))
                await fetcher.until_ready("lisa")
                heard.append(await said(engine))
            assert heard[0] == fetched != heard[1]
