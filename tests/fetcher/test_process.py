"""The fetcher as a process, before real engines."""

import asyncio
import hashlib
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.engine_process import ADMIN_TOKEN, EngineProcess
from support.engine_stream import engine_stream_of
from support.fetcher_process import FetcherProcess
from support.process import BIN, free_port
from support.source_server import SourceServer, guarded, in_pieces, status
from timbre_common import shards
from timbre_common.documents import Voice, VoicesDocument, VoiceState
from timbre_common.engine_stream import Done, Start
from timbre_common.sources import Http
from timbre_common.voiceprofile import Adapter

CONTENT = os.urandom(100_000)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def engine() -> AsyncIterator[EngineProcess]:
    async with EngineProcess("--slots=1") as engine:
        yield engine


@pytest.fixture
def home(tmp_path: Path, source: SourceServer) -> Path:
    source.trusted_by(tmp_path / "credentials")
    return tmp_path


def allowed(source: SourceServer) -> list[str]:
    return [f"--allowed-hosts={source.hosts()}", "--allow-private"]


def fetched(name: str, url: str, content: bytes = CONTENT) -> Voice:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    return Voice(name=name, languages=["fr"], adapter=Adapter(http=Http(url=url), digest=digest))


def plain(name: str) -> Voice:
    return Voice(name=name, languages=["fr"])


def document(generation: int, *voices: Voice) -> VoicesDocument:
    return VoicesDocument(generation=generation, voices=list(voices))


def path_of(fetcher: FetcherProcess, voice: Voice) -> Path:
    assert voice.adapter is not None
    return fetcher.adapters / voice.adapter.file


async def test_voices_are_passed_on_and_their_files_fetched(
    home: Path, source: SourceServer, engine: EngineProcess
) -> None:
    source.answers["/lisa.gguf"] = CONTENT
    lisa = fetched("lisa", source.url("/lisa.gguf"))
    async with FetcherProcess(home, engine.admin_url, *allowed(source)) as fetcher:
        assert (await fetcher.fetch("/livez"))[0] == 200
        assert (await fetcher.fetch("/ready"))[0] == 503
        told = await fetcher.put(document(3, lisa, plain("electra")))
        assert sorted(told.voices) == ["electra", "lisa"] and told.generation == 3
        ready = await fetcher.until(lambda status: status.voices["lisa"].code == "")
        assert {voice.state for voice in ready.voices.values()} == {VoiceState.READY}
        assert ready.voices["lisa"].digest == lisa.digest
        assert "not applied" in ready.voices["lisa"].reason
        assert path_of(fetcher, lisa).read_bytes() == CONTENT
        async with asyncio.timeout(30):
            while (await fetcher.fetch("/ready"))[0] != 200:
                await asyncio.sleep(0.05)
        assert await fetcher.metric('timbre_fetcher_fetches_total{outcome="fetched",source="http"}') == 1
        assert await fetcher.metric('timbre_fetcher_files{state="present"}') == 1
        assert await fetcher.metric("timbre_fetcher_fetched_bytes_total") == len(CONTENT)
        assert (await fetcher.put(document(2, plain("renarde")))).voices.keys() == {"electra", "lisa"}
        told = await fetcher.put(document(4, plain("electra")))
        assert (told.generation, sorted(told.voices)) == (4, ["electra"])
        async with engine_stream_of(engine.url) as stream:
            assert isinstance((await stream.say(Start(voice="electra"), ["Bonjour."])).end, Done)
        assert await fetcher.stop() == 0


async def test_it_begins_with_the_mounted_parts_and_waits_for_its_engine(home: Path) -> None:
    mounted = home / "voices"
    mounted.mkdir()
    for index, part in enumerate(shards.split(document(7, plain("lisa"), plain("electra")))):
        (mounted / shards.file_name(index)).write_bytes(part)
    port = free_port()
    async with FetcherProcess(home, f"http://127.0.0.1:{port}", f"--voices={mounted}") as fetcher:
        waiting = await fetcher.status()
        assert {voice.code for voice in waiting.voices.values()} == {"engine_unavailable"}
        assert (await fetcher.fetch("/ready"))[0] == 503
        async with EngineProcess("--slots=1", admin_port=port):
            ready = await fetcher.until_ready("electra", "lisa")
            assert ready.generation == 7


async def test_damaged_parts_do_not_keep_it_from_starting(home: Path, engine: EngineProcess) -> None:
    mounted = home / "voices"
    mounted.mkdir()
    (mounted / shards.file_name(0)).write_bytes(b"nothing")
    async with FetcherProcess(home, engine.admin_url, f"--voices={mounted}") as fetcher:
        assert "are not taken" in "\n".join(fetcher.log)
        await fetcher.put(document(1, plain("lisa")))
        await fetcher.until_ready("lisa")


async def test_an_engine_that_died_gets_its_voices_back(home: Path) -> None:
    port = free_port()
    async with FetcherProcess(home, f"http://127.0.0.1:{port}") as fetcher:
        async with EngineProcess("--slots=1", admin_port=port) as engine:
            await fetcher.put(document(1, plain("lisa")))
            await fetcher.until_ready("lisa")
            await engine.kill()
        await fetcher.until_code("lisa", "engine_unavailable")
        async with EngineProcess("--slots=1", admin_port=port) as engine:
            await fetcher.until_ready("lisa")
            async with engine_stream_of(engine.url) as stream:
                assert isinstance((await stream.say(Start(voice="lisa"), ["Bonjour."])).end, Done)
        assert (await fetcher.fetch("/ready"))[0] == 200


async def test_voices_that_another_put_are_put_right(home: Path, engine: EngineProcess) -> None:
    async with FetcherProcess(home, engine.admin_url) as fetcher:
        await fetcher.put(document(2, plain("lisa")))
        await fetcher.until_ready("lisa")
        await engine.put_voices(document(9, plain("electra")))
        newer = await fetcher.until(lambda status: status.generation == 9)
        assert sorted(newer.voices) == ["electra"]
        await fetcher.put(document(10, plain("lisa")))
        await fetcher.until_ready("lisa")


async def test_killed_in_the_middle_of_a_file_it_leaves_nothing_half_written(
    home: Path, source: SourceServer, engine: EngineProcess
) -> None:
    source.answers["/lisa.gguf"] = in_pieces(CONTENT[:50_000], announced=len(CONTENT), hold=True)
    lisa = fetched("lisa", source.url("/lisa.gguf"))
    async with FetcherProcess(home, engine.admin_url, *allowed(source)) as fetcher:
        await fetcher.put(document(1, lisa))
        partial = path_of(fetcher, lisa).with_name(f".{path_of(fetcher, lisa).name}.partial")
        async with asyncio.timeout(30):
            while not partial.exists() or partial.stat().st_size < 50_000:
                await asyncio.sleep(0.02)
        await fetcher.stop(signal.SIGKILL)
    assert [path.name for path in partial.parent.iterdir()] == [partial.name]
    source.answers["/lisa.gguf"] = CONTENT
    async with FetcherProcess(home, engine.admin_url, *allowed(source)) as fetcher:
        await fetcher.put(document(2, lisa))
        await fetcher.until(lambda status: status.voices["lisa"].code == "")
        assert [path.name for path in partial.parent.iterdir()] == [path_of(fetcher, lisa).name]
        assert path_of(fetcher, lisa).read_bytes() == CONTENT


async def test_two_pods_on_one_volume_fetch_once(home: Path, source: SourceServer, engine: EngineProcess) -> None:
    source.answers["/lisa.gguf"] = in_pieces(CONTENT[:50_000], CONTENT[50_000:], pause=1.0)
    lisa = fetched("lisa", source.url("/lisa.gguf"))
    async with (
        FetcherProcess(home, engine.admin_url, *allowed(source)) as one,
        FetcherProcess(home, engine.admin_url, *allowed(source)) as two,
    ):
        await asyncio.gather(*(each.put(document(1, lisa)) for each in (one, two)))
        for each in one, two:
            await each.until(lambda status: status.voices["lisa"].code == "")
        assert [each.path for each in source.asked] == ["/lisa.gguf"]
        assert [path.name for path in path_of(one, lisa).parent.iterdir()] == [path_of(one, lisa).name]


async def test_one_bad_source_blocks_no_other_voice(home: Path, source: SourceServer, engine: EngineProcess) -> None:
    source.answers |= {"/dead": in_pieces(hold=True), "/lie": b"something else", "/lisa.gguf": CONTENT}
    voices = [
        fetched("dead", source.url("/dead"), b"1"),
        fetched("foreign", "https://evil.example/x", b"2"),
        fetched("lie", source.url("/lie"), b"3"),
        fetched("lisa", source.url("/lisa.gguf")),
        fetched("missing", source.url("/missing"), b"4"),
        fetched("private", "https://169.254.169.254/latest", b"5"),
        plain("electra"),
    ]
    arguments = [f"--allowed-hosts={source.hosts()},169.254.169.254", "--allow-private", "--ready-within=2"]
    async with FetcherProcess(home, engine.admin_url, *arguments) as fetcher:
        await fetcher.put(document(1, *voices))
        expected = {
            "dead": "fetching",
            "electra": "",
            "foreign": "host_refused",
            "lie": "digest_mismatch",
            "lisa": "",
            "missing": "source_missing",
        }
        told = await fetcher.until(
            lambda status: {name: status.voices[name].code for name in expected} == expected, within=60
        )
        assert "evil.example is not among" in told.voices["foreign"].reason
        async with asyncio.timeout(30):
            while (await fetcher.fetch("/ready"))[0] != 200:
                await asyncio.sleep(0.05)
        assert await fetcher.metric('timbre_fetcher_fetches_total{outcome="host_refused",source="http"}') >= 1


async def test_what_is_mended_heals_by_itself(home: Path, source: SourceServer, engine: EngineProcess) -> None:
    source.answers |= {"/away": status(503), "/locked": status(401)}
    voices = [fetched("away", source.url("/away"), b"away"), fetched("locked", source.url("/locked"), b"locked")]
    async with FetcherProcess(home, engine.admin_url, *allowed(source)) as fetcher:
        await fetcher.put(document(1, *voices))
        await fetcher.until_code("away", "fetch_failed")
        await fetcher.until_code("locked", "unauthorized")
        source.answers |= {"/away": b"away", "/locked": b"locked"}
        await fetcher.until(lambda status: {voice.code for voice in status.voices.values()} == {""}, within=120)


async def test_a_volume_that_is_full_says_so(home: Path, source: SourceServer, engine: EngineProcess) -> None:
    source.answers |= {"/lisa.gguf": CONTENT, "/small": b"small"}
    voices = [fetched("lisa", source.url("/lisa.gguf")), fetched("small", source.url("/small"), b"small")]
    async with FetcherProcess(home, engine.admin_url, *allowed(source), "--volume-bytes=50000") as fetcher:
        await fetcher.put(document(1, *voices))
        await fetcher.until_code("lisa", "volume_full")
        await fetcher.until_code("small", "")


async def test_a_file_that_is_lost_comes_again_and_goes_when_nobody_names_it(
    home: Path, source: SourceServer, engine: EngineProcess
) -> None:
    source.answers["/lisa.gguf"] = CONTENT
    lisa = fetched("lisa", source.url("/lisa.gguf"))
    async with FetcherProcess(home, engine.admin_url, *allowed(source), "--grace=2") as fetcher:
        path = path_of(fetcher, lisa)
        for times in (1, 2):
            await fetcher.put(document(1, lisa))
            async with asyncio.timeout(60):
                while len(source.asked) < times or not path.exists():
                    await asyncio.sleep(0.05)
            assert path.read_bytes() == CONTENT
            if times == 1:
                path.unlink()
        await fetcher.put(document(2, plain("electra")))
        async with asyncio.timeout(60):
            while path.exists():
                await asyncio.sleep(0.05)
        assert await fetcher.metric("timbre_fetcher_files_removed_total") == 1


async def test_tokens_are_exchanged_without_a_gap(home: Path) -> None:
    port = free_port()
    async with FetcherProcess(home, f"http://127.0.0.1:{port}") as fetcher:
        arguments = ["--slots=1", f"--admin-token-file={fetcher.tokens}"]
        async with EngineProcess(*arguments, admin_port=port):
            await fetcher.put(document(1, plain("lisa")))
            (home / "next").write_text(f"new\n{ADMIN_TOKEN}\n")
            (home / "next").replace(fetcher.tokens)
            await fetcher.put(document(2, plain("lisa")))
            fetcher.token = "new"
            await fetcher.until_ready("lisa")
            (home / "next").write_text("new\n")
            (home / "next").replace(fetcher.tokens)
            await fetcher.put(document(3, plain("electra")))
            await fetcher.until_ready("electra")
            fetcher.token = ADMIN_TOKEN
            assert (await fetcher.fetch("/admin/voices"))[0] == 401
            assert (await fetcher.fetch("/admin/voices", "PUT", b"{}"))[0] == 401


async def test_a_broken_document_is_refused_by_its_field(home: Path) -> None:
    async with FetcherProcess(home, NOWHERE) as fetcher:
        code, body = await fetcher.fetch("/admin/voices", "PUT", b'{"generation":1,"voices":[{"name":"Bad"}]}')
        assert code == 400 and b"voices[0]" in body
        assert (await fetcher.fetch("/nowhere"))[0] == 404


def mount(folder: Path, **secret: str) -> None:
    """As the kubelet does it: files are links into a folder that is exchanged as a whole."""
    made = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    for name, value in secret.items():
        (made / name).write_text(value)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..new").symlink_to(made.name)
    (folder / "..new").rename(folder / "..data")


async def test_a_rotated_secret_is_used_without_a_restart(
    home: Path, source: SourceServer, engine: EngineProcess
) -> None:
    secret = home / "credentials" / "localhost"
    mount(secret, token="old")
    source.answers["/lisa.gguf"] = guarded(CONTENT, "Bearer new")
    lisa = fetched("lisa", source.url("/lisa.gguf"))
    async with FetcherProcess(home, engine.admin_url, *allowed(source)) as fetcher:
        await fetcher.put(document(1, lisa))
        await fetcher.until_code("lisa", "unauthorized")
        mount(secret, token="new")
        await fetcher.until_code("lisa", "")
        assert path_of(fetcher, lisa).read_bytes() == CONTENT
        assert [asked.authorization for asked in source.asked][-1] == "Bearer new"
        assert any("credentials have changed" in line for line in fetcher.log)


async def test_credentials_are_never_logged(home: Path, source: SourceServer, engine: EngineProcess) -> None:
    (home / "credentials" / "localhost" / "token").write_text("a very secret token")
    source.answers["/lisa.gguf"] = status(403)
    arguments = [*allowed(source), "--log-level=debug"]
    async with FetcherProcess(home, engine.admin_url, *arguments) as fetcher:
        await fetcher.put(document(1, fetched("lisa", source.url("/lisa.gguf?signature=verysecret"))))
        told = await fetcher.until_code("lisa", "unauthorized")
        assert source.asked[0].authorization == "Bearer a very secret token"
        await fetcher.stop()
        said = "\n".join(fetcher.log) + told.voices["lisa"].reason
    assert not any(secret in said for secret in ("very secret", "verysecret", ADMIN_TOKEN))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--token-file"),
        (["--token-file=/nowhere/tokens"], "/nowhere/tokens"),
        (["--token-file=TOKENS", "--allowed-hosts=https://example.org"], "--allowed-hosts"),
        (["--token-file=TOKENS", "--speed=2"], "--speed"),
        (["--token-file=TOKENS", "--host=203.0.113.1"], "203.0.113.1"),
    ],
)
async def test_what_cannot_be_is_said_in_a_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "TOKENS").write_text("t")
    process = await asyncio.create_subprocess_exec(
        str(BIN / "timbre-engine"),
        "fetcher",
        "--port=0",
        *arguments,
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    assert process.returncode in {1, 2}
    assert says in said.decode() and "Traceback" not in said.decode()
