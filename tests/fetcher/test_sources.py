"""The kinds of source: a bucket of moto, Debian's registry, token realms, and the Hub's redirect to its CDN."""

import asyncio
import hashlib
import json
import os
import shutil
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from fetcher.conftest import Make
from fetcher.servers import insecure, moto, registry
from support.source_server import Answer, SourceServer, redirect, status
from timbre_common.errors import DigestMismatch, FetchFailed, HostRefused, SourceMissing, TooLarge, Unauthorized
from timbre_common.sources import S3, HuggingFace, Oci, Remote
from timbre_engine.fetcher.downloads import Downloads
from timbre_engine.fetcher.settings import Settings
from timbre_engine.fetcher.wanted import WantedFile

CONTENT = os.urandom(100_000)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
NAME = f"{DIGEST.removeprefix('sha256:')}.gguf"


async def bring(downloads: Downloads, source: Remote, digest: str = DIGEST) -> int:
    return await downloads.bring(WantedFile(f"{digest.removeprefix('sha256:')}.gguf", digest, source), lambda: None)


def write(directory: Path, **files: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name).write_text(content)


def put(url: str, body: bytes | None = None, **headers: str) -> Any:
    request = urllib.request.Request(url, body, headers, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers


@pytest.mark.skipif(find_spec("moto") is None, reason="moto is not installed")
async def test_a_bucket(root: Path, tmp_path: Path, downloads: Make) -> None:
    async with moto() as url:
        await asyncio.to_thread(put, f"{url}/voices")
        await asyncio.to_thread(put, f"{url}/voices/fr/lisa%20v2%2B.gguf", CONTENT, **{"Content-Type": "x/y"})
        keys = await asyncio.to_thread(user, url)
        bringing = downloads(insecure(root, tmp_path / "secrets", url.removeprefix("http://")))
        at = S3(bucket="voices", key="fr/lisa v2+.gguf", endpoint=url)
        write(tmp_path / "secrets" / "127.0.0.1", accessKeyID=keys[0], secretAccessKey="wrong")
        await asyncio.to_thread(look_at_signatures, url)
        with pytest.raises(Unauthorized):
            await bring(bringing, at)
        write(tmp_path / "secrets" / "127.0.0.1", secretAccessKey=keys[1])
        with pytest.raises(SourceMissing):
            await bring(bringing, S3(bucket="voices", key="nobody.gguf", endpoint=url))
        assert await bring(bringing, at) == len(CONTENT)
    assert (root / "sha256" / NAME).read_bytes() == CONTENT


def user(url: str) -> tuple[str, str]:
    """The access key of a user who may read everything."""
    import boto3

    iam = boto3.client(
        "iam", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    iam.create_user(UserName="fetcher")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="fetcher", PolicyName="read", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="fetcher")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def look_at_signatures(url: str) -> None:
    """From the next request on, moto does."""
    request = urllib.request.Request(f"{url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
    urllib.request.urlopen(request, timeout=30).close()


@pytest.mark.parametrize("password", [False, True])
@pytest.mark.skipif(shutil.which("docker-registry") is None, reason="docker-registry is not installed")
async def test_a_registry(root: Path, tmp_path: Path, downloads: Make, password: bool) -> None:
    secrets = tmp_path / "secrets"
    authorization = {"Authorization": "Basic bGlzYTpzZWNyZXQ="} if password else {}
    async with registry(tmp_path, password=password) as host:
        bringing = downloads(insecure(root, secrets, host))
        found = await asyncio.to_thread(push, f"http://{host}/v2/voices/lisa", authorization)
        if password:
            with pytest.raises(Unauthorized):
                await bring(bringing, Oci(reference=f"{host}/voices/lisa:1.0"))
            write(secrets / "127.0.0.1", username="lisa", password="secret")
        with pytest.raises(SourceMissing):
            await bring(bringing, Oci(reference=f"{host}/voices/lisa:2.0"))
        with pytest.raises(DigestMismatch, match=DIGEST):
            await bring(bringing, Oci(reference=f"{host}/voices/lisa:1.0"), f"sha256:{'0' * 64}")
        assert await bring(bringing, Oci(reference=f"{host}/voices/lisa:1.0")) == len(CONTENT)
        (root / "sha256" / NAME).unlink()
        assert await bring(bringing, Oci(reference=f"{host}/voices/lisa@{found}")) == len(CONTENT)


def push(url: str, authorization: dict[str, str]) -> str:
    """An artefact with one layer; its digest."""
    for content in CONTENT, b"{}":
        begin = urllib.request.Request(f"{url}/blobs/uploads/", b"", authorization, method="POST")
        with urllib.request.urlopen(begin, timeout=30) as answer:
            place = answer.headers["Location"]
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        headers = authorization | {"Content-Type": "application/octet-stream"}
        put(f"{place}&digest={digest}", content, **headers)
    kind = "application/vnd.oci.image.manifest.v1+json"
    layer = {"mediaType": "application/octet-stream", "digest": DIGEST, "size": len(CONTENT)}
    config = {"mediaType": "application/json", "digest": f"sha256:{hashlib.sha256(b'{}').hexdigest()}", "size": 2}
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [layer]}
    headers = authorization | {"Content-Type": kind}
    found: str = put(f"{url}/manifests/1.0", json.dumps(manifest).encode(), **headers)["Docker-Content-Digest"]
    return found


def a_registry(source: SourceServer, realm: str) -> None:
    """One that gives out tokens at `realm`, and its layer by a redirect to another host."""

    def wants(content: bytes | Answer) -> Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != "Bearer a token":
                challenge = f'Bearer realm="{realm}",service="voices"'
                return web.Response(status=401, headers={"WWW-Authenticate": challenge})
            return web.Response(body=content) if isinstance(content, bytes) else await content(request)

        return answer

    async def token(request: web.Request) -> web.StreamResponse:
        assert request.query["scope"] == "repository:lisa:pull" and request.query["service"] == "voices"
        return web.json_response({"token": "a token"})

    source.answers |= {
        "/token": token,
        "/v2/lisa/manifests/1": wants(json.dumps({"layers": [{"digest": DIGEST}]}).encode()),
        f"/v2/lisa/blobs/{DIGEST}": wants(redirect(source.url("/cdn", "127.0.0.1"))),
        "/cdn": CONTENT,
    }


@pytest.mark.parametrize("realm", ["localhost", "127.0.0.1"])
async def test_a_registry_s_token(source: SourceServer, root: Path, secrets: Path, downloads: Make, realm: str) -> None:
    a_registry(source, source.url("/token", realm))
    write(secrets / "localhost", username="lisa", password="secret")
    settings = Settings(adapters=root, credentials=secrets, allowed_hosts=source.hosts(), allow_private=True)
    assert await bring(downloads(settings), Oci(reference=f"localhost:{source.port}/lisa:1")) == len(CONTENT)
    sent = "Basic bGlzYTpzZWNyZXQ="
    assert [(each.path, each.authorization) for each in source.asked] == [
        ("/v2/lisa/manifests/1", sent),
        ("/token", sent if realm == "localhost" else None),
        ("/v2/lisa/manifests/1", "Bearer a token"),
        (f"/v2/lisa/blobs/{DIGEST}", "Bearer a token"),
        ("/cdn", None),
    ]


@pytest.mark.parametrize(
    ("realm", "why"), [("https://evil.example/token", "not among"), ("http://127.0.0.1/token", "https only")]
)
async def test_a_registry_s_token_comes_from_allowed_hosts(
    source: SourceServer, root: Path, secrets: Path, downloads: Make, realm: str, why: str
) -> None:
    a_registry(source, realm)
    settings = Settings(adapters=root, credentials=secrets, allowed_hosts=source.hosts(), allow_private=True)
    with pytest.raises(HostRefused, match=why):
        await bring(downloads(settings), Oci(reference=f"localhost:{source.port}/lisa:1"))


@pytest.mark.parametrize("manifest", [b"", b"[]", b"<html>", b'{"layers": {}}', b"x" * (5 << 20)])
async def test_what_is_no_registry(
    source: SourceServer, root: Path, secrets: Path, downloads: Make, manifest: bytes
) -> None:
    source.answers["/v2/lisa/manifests/1"] = manifest
    settings = Settings(adapters=root, credentials=secrets, allowed_hosts=source.hosts(), allow_private=True)
    with pytest.raises((FetchFailed, TooLarge, DigestMismatch)):
        await bring(downloads(settings), Oci(reference=f"localhost:{source.port}/lisa:1"))


async def test_the_hub(source: SourceServer, root: Path, secrets: Path, downloads: Make) -> None:
    """As the Hub does, the file is at another host, and what is gated wants the token."""
    (secrets / "localhost" / "token").write_text("hf_secret")
    settings = Settings(
        adapters=root,
        credentials=secrets,
        allowed_hosts=source.hosts(),
        allow_private=True,
        hub=source.url(""),
    )
    source.answers |= {
        "/timbre/voices/resolve/v1/lisa.gguf": redirect(source.url("/cdn", "127.0.0.1")),
        "/cdn": CONTENT,
        "/timbre/gated/resolve/main/lisa.gguf": status(403),
    }
    hub = HuggingFace(repository="timbre/voices", file="lisa.gguf", revision="v1")
    with pytest.raises(Unauthorized):
        await bring(downloads(settings), HuggingFace(repository="timbre/gated", file="lisa.gguf"))
    assert await bring(downloads(settings), hub) == len(CONTENT)
    assert [each.authorization for each in source.asked] == ["Bearer hf_secret", "Bearer hf_secret", None]
