"""Adapters that name a second file: it comes from beside the first, under the same rules."""

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from fetcher.conftest import Make
from fetcher.servers import insecure, moto, registry
from support import peft
from support.second_file import NAME, Pair, digest, fetched, pair
from support.source_server import Answer, SourceServer, guarded, in_pieces, redirect, status
from timbre_common import voiceprofile
from timbre_common.adapter_header import Beside
from timbre_common.documents import Voice
from timbre_common.errors import (
    DigestMismatch,
    FetchFailed,
    HostRefused,
    SourceMissing,
    TimbreError,
    TimedOut,
    TooLarge,
    Transient,
    Unauthorized,
)
from timbre_common.sources import S3, Http, HuggingFace, Oci, Remote
from timbre_engine.fetcher import second, wanted
from timbre_engine.fetcher.settings import Settings
from timbre_engine.fetcher.volume import Volume
from timbre_engine.fetcher.wanted import WantedFile
from timbre_loras import adapter_gguf
from timbre_loras.commands.publish import publish

SECOND = os.urandom(100_000)


def nothing() -> None:
    """Nobody wants to know."""


@pytest.fixture
def files(tmp_path: Path) -> Pair:
    return pair(tmp_path, SECOND)


def wanted_at(files: Pair, source: Remote) -> WantedFile:
    return WantedFile(fetched(files.first), digest(files.first), source)


def left(root: Path) -> set[str]:
    return {path.name for path in (root / "sha256").glob("*")}


def test_what_a_header_tells(tmp_path: Path, files: Pair) -> None:
    def told(content: bytes) -> Beside | None:
        return second.named_by(BytesIO(content), len(content))

    assert told(files.first) == Beside(NAME, digest(SECOND))
    assert told(files.first) is not None and Beside(NAME, digest(SECOND)).fetched == fetched(SECOND)
    for content in (b"", SECOND, files.first[:100], pair(tmp_path, b"", file="../x").first):
        assert told(content) is None
    assert told(pair(tmp_path, b"", digest="sha256:1").first) is None


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (Http(url="https://a.example/lisa.gguf"), Http(url="https://a.example/b.gguf")),
        (Http(url="https://a.example:1/fr/v%201/l?v=1&w=/x"), Http(url="https://a.example:1/fr/v%201/b.gguf?v=1&w=/x")),
        (Http(url="https://a.example/"), Http(url="https://a.example/b.gguf")),
        (
            HuggingFace(repository="r/s", file="fr/lisa.gguf", revision="v1"),
            HuggingFace(repository="r/s", file="fr/b.gguf", revision="v1"),
        ),
        (HuggingFace(repository="r", file="lisa.gguf"), HuggingFace(repository="r", file="b.gguf")),
        (
            S3(bucket="abc", key="fr/é/l", region="r", endpoint="https://e.example"),
            S3(bucket="abc", key="fr/é/b.gguf", region="r", endpoint="https://e.example"),
        ),
        (S3(bucket="abc", key="l"), S3(bucket="abc", key="b.gguf")),
        (Oci(reference="r.example/lisa:1"), Oci(reference="r.example/lisa:1")),
    ],
)
def test_where_a_second_file_is(first: Remote, expected: Remote) -> None:
    assert second.source(first, "b.gguf") == expected


async def test_both_come_and_are_looked_for_together(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], root: Path, files: Pair
) -> None:
    source.answers |= {"/fr/lisa.gguf": files.first, f"/fr/{NAME}": files.second}
    bringing, first = downloads(settings()), wanted_at(files, Http(url=source.url("/fr/lisa.gguf")))
    begun: list[bool] = []
    assert not await bringing.holds(first)
    assert await bringing.bring(first, lambda: begun.append(True)) == len(files.first) + len(files.second)
    assert left(root) == {fetched(files.first), fetched(files.second)}
    assert (root / "sha256" / fetched(SECOND)).read_bytes() == SECOND
    assert await bringing.holds(first) and await bringing.bring(first, nothing) == 0
    assert len(begun) == len(source.asked) == 2

    (root / "sha256" / fetched(SECOND)).write_bytes(b"spoilt")
    assert not await bringing.holds(first)
    assert await bringing.bring(first, nothing) == len(files.second)
    assert [each.path for each in source.asked] == ["/fr/lisa.gguf", *[f"/fr/{NAME}"] * 2]


LIES: dict[str, tuple[bytes | Answer, dict[str, Any], type[TimbreError], str]] = {
    "another file": (b"x" * len(SECOND), {}, DigestMismatch, "sha256:"),
    "not there": (status(404), {}, SourceMissing, "404"),
    "locked": (status(401), {}, Unauthorized, "401"),
    "too large": (SECOND, {"max_bytes": 99_999}, TooLarge, "at most 99999"),
    "broken": (status(503, Retry_After="17"), {}, FetchFailed, "503"),
    "silent": (in_pieces(SECOND[:1000], hold=True), {"stall": 0.2}, TimedOut, r"silent for 0\.2 s"),
    "drop by drop": (in_pieces(*[b"x"] * 600, pause=0.1), {"timeout": 0.5}, TimedOut, r"longer than 0\.5 s"),
    "led astray": (redirect("https://evil.example/x"), {}, HostRefused, "evil.example is not among"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_what_is_wrong_with_it_is_said_by_its_name_and_mended(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], root: Path, files: Pair, lie: str
) -> None:
    answer, changes, kind, why = LIES[lie]
    source.answers |= {"/lisa.gguf": files.first, f"/{NAME}": answer}
    first = wanted_at(files, Http(url=source.url("/lisa.gguf?signature=secret")))
    bringing = downloads(settings(**changes))
    with pytest.raises(kind, match=rf"^{NAME}: .*{why}") as raised:
        await bringing.bring(first, nothing)
    assert type(raised.value) is kind and "secret" not in str(raised.value)
    if isinstance(raised.value, Transient):
        assert raised.value.retry_after == (17 if lie == "broken" else None)
    assert left(root) == {fetched(files.first)} and not await bringing.holds(first)
    source.answers[f"/{NAME}"] = SECOND
    assert await downloads(settings()).bring(first, nothing) == len(SECOND)
    assert [each.path for each in source.asked] == ["/lisa.gguf", *[f"/{NAME}"] * 2]


async def test_the_host_s_credentials_open_both(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], secrets: Path, files: Pair
) -> None:
    (secrets / "localhost" / "token").write_text("a secret")
    source.answers |= {
        "/lisa.gguf": guarded(files.first, "Bearer a secret"),
        f"/{NAME}": redirect(source.url("/cdn", "127.0.0.1")),
        "/cdn": SECOND,
    }
    await downloads(settings()).bring(wanted_at(files, Http(url=source.url("/lisa.gguf"))), nothing)
    assert [each.authorization for each in source.asked] == ["Bearer a secret", "Bearer a secret", None]


async def test_two_pods_and_two_voices_fetch_it_once(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], tmp_path: Path, files: Pair
) -> None:
    other = pair(tmp_path, SECOND, file="louise.gguf")
    slow = in_pieces(SECOND[:1000], SECOND[1000:], pause=0.2)
    source.answers |= {"/a": files.first, "/b": other.first, f"/{NAME}": slow, "/louise.gguf": slow}
    firsts = [wanted_at(each, Http(url=source.url(path))) for each, path in ((files, "/a"), (other, "/b"))]
    pods = [downloads(settings()) for _ in range(2)]
    taken = await asyncio.gather(*(pod.bring(first, nothing) for pod in pods for first in firsts))
    assert sum(taken) == sum(map(len, (files.first, other.first, SECOND)))
    assert len(source.asked) == 3


async def test_the_hub_s_is_of_the_same_revision(
    source: SourceServer, downloads: Make, settings: Callable[..., Settings], files: Pair
) -> None:
    folder = "/timbre/voices/resolve/v1/fr"
    source.answers |= {f"{folder}/lisa.gguf": files.first, f"{folder}/{NAME}": files.second}
    hub = HuggingFace(repository="timbre/voices", file="fr/lisa.gguf", revision="v1")
    assert await downloads(settings()).bring(wanted_at(files, hub), nothing) == len(files.first) + len(SECOND)


def aged(folder: Path, seconds: float) -> None:
    for path in folder.iterdir():
        os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_it_is_kept_as_long_as_the_first(root: Path, files: Pair) -> None:
    (root / "sha256").mkdir()
    for content in files:
        (root / "sha256" / fetched(content)).write_bytes(content)
    aged(root / "sha256", 500)
    assert Volume(root).sweep({fetched(files.first)}, grace=100) == 0
    assert all(time.time() - path.stat().st_atime < 60 for path in (root / "sha256").iterdir())
    aged(root / "sha256", 500)
    assert Volume(root).sweep(set(), grace=100) == 2


def test_a_header_is_read_once(root: Path, files: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "sha256").mkdir()
    (root / "sha256" / fetched(files.first)).write_bytes(files.first)
    volume = Volume(root)
    found = volume.second(fetched(files.first))
    assert found == Beside(NAME, digest(SECOND))
    monkeypatch.setattr(os, "fdopen", lambda *_: pytest.fail("it was read again"))
    assert volume.second(fetched(files.first)) == found
    (root / "sha256" / fetched(files.first)).unlink()
    assert volume.second(fetched(files.first)) is None


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """An adapter of talker and code predictor, as `timbre-loras export` writes it."""
    base = peft.write_base(tmp_path / "base")
    return peft.exported(tmp_path, base, {**peft.tensors("mlp.up_proj"), **peft.predictor_tensors("mlp.up_proj")})


async def published(exported: Path, target: str, capsys: pytest.CaptureFixture[str]) -> WantedFile:
    """Where the VoiceProfile says that it is, after `timbre-loras publish`."""
    capsys.readouterr()
    await asyncio.to_thread(publish, exported, target)
    spec = voiceprofile.parse(capsys.readouterr().out).spec
    (file,) = wanted.of_voice(Voice(name="lisa", languages=spec.languages, adapter=spec.adapter))
    return file


async def fetched_whole(bringing: Any, root: Path, file: WantedFile, exported: Path) -> None:
    """Both files come, and are those that were published."""
    whole = adapter_gguf.read(exported)
    other = whole.predictor()
    assert other is not None
    assert await bringing.bring(file, nothing) == whole.size + other.size
    assert left(root) == {fetched(path.read_bytes()) for path in (exported, other.path)}


async def test_what_is_published_over_https_comes_whole(
    source: SourceServer,
    root: Path,
    downloads: Make,
    settings: Callable[..., Settings],
    secrets: Path,
    exported: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(secrets / "localhost" / "ca.crt"))
    for target in "/voices/", "/voices/lisa.gguf":
        file = await published(exported, source.url(target), capsys)
        await fetched_whole(downloads(settings()), root, file, exported)
        shutil.rmtree(root / "sha256")


@pytest.mark.skipif(not (find_spec("moto") and find_spec("obstore")), reason="moto or obstore is not installed")
async def test_what_is_published_in_a_bucket_comes_whole(
    root: Path,
    tmp_path: Path,
    downloads: Make,
    exported: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with moto() as url:
        known = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "us-east-1", "ENDPOINT_URL": url}
        for key, value in known.items():
            monkeypatch.setenv(f"AWS_{key}", value)
        await asyncio.to_thread(make_bucket, url)
        file = await published(exported, "s3://voices/fr", capsys)
        bringing = downloads(insecure(root, tmp_path / "secrets", url.removeprefix("http://")))
        await fetched_whole(bringing, root, file, exported)


def make_bucket(url: str) -> None:
    import boto3

    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
    bucket = {"Bucket": "voices", "ACL": "public-read-write"}
    boto3.client("s3", endpoint_url=url, **keys).create_bucket(**bucket)


@pytest.mark.skipif(
    not (shutil.which("docker-registry") and find_spec("oras")), reason="docker-registry or oras is not installed"
)
async def test_what_is_published_in_a_registry_comes_whole(
    root: Path, tmp_path: Path, downloads: Make, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with registry(tmp_path) as host:
        file = await published(exported, f"oci://{host}/voices/lisa:1.0", capsys)
        bringing = downloads(insecure(root, tmp_path / "secrets", host))
        await fetched_whole(bringing, root, file, exported)
