"""An adapter at every kind of place; the servers are real where they can be installed."""

import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest

from support import peft
from support.process import free_port
from timbre_common import voiceprofile
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.sources import S3, Http, Oci
from timbre_loras import adapter_gguf, profile
from timbre_loras.commands.export import export
from timbre_loras.commands.publish import publish
from timbre_loras.profile import label
from timbre_loras.publishing import http_put, oci
from timbre_loras.publishing.source import Source
from timbre_loras.trained import Layout

Q = "self_attn.q_proj"


@pytest.fixture
def file(tmp_path: Path, base: Path) -> Path:
    source = peft.write_adapter(tmp_path / "peft", peft.tensors(Q))
    export(
        source,
        output=tmp_path / "Lisa v2.gguf",
        base=base,
        agent="lisa",
        speaker="vivian",
        language="french",
        text_layout=Layout.FULL,
    )
    return tmp_path / "Lisa v2.gguf"


def digest(file: Path) -> str:
    return adapter_gguf.read(file).digest


def name(file: Path) -> str:
    return f"lisa-v2-{digest(file)[7:19]}.gguf"


@contextmanager
def server(command: list[str | Path], url: str, log: Path) -> Iterator[None]:
    """A process that answers on `url` once it is up."""
    with log.open("wb") as output, subprocess.Popen(list(map(str, command)), stdout=output, stderr=output) as process:
        try:
            deadline = time.monotonic() + 60
            while not answers(url):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def test_a_directory(tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    capsys.readouterr()
    for _ in range(2):
        publish(file, str(volume))
        assert [each.name for each in volume.iterdir()] == [name(file)]
        assert (volume / name(file)).read_bytes() == file.read_bytes()
        told = capsys.readouterr().out
    place, found, *document = told.splitlines()
    assert place == f"# {volume / name(file)}" and found == f"# {digest(file)}"
    spec = voiceprofile.parse("\n".join(document)).spec
    assert (spec.agent_id, spec.speaker, spec.languages, spec.streaming_text) == ("lisa", "vivian", ["fr"], False)
    assert spec.adapter == voiceprofile.Adapter(path=name(file), digest=digest(file))


def test_a_file_that_changes_meanwhile_is_not_published(tmp_path: Path, file: Path) -> None:
    for changed in (b"x" * file.stat().st_size, b"short", file.read_bytes() + b"more"):
        source = Source(file, file.stat().st_size, digest(file), "a.gguf")
        other = tmp_path / "other"
        other.write_bytes(changed)
        with pytest.raises(InvalidInput, match="has changed"):
            list(Source(other, source.size, source.digest, source.name).blocks())


@pytest.mark.parametrize(
    ("target", "kind", "why"),
    [
        ("nowhere", SetupError, "no directory"),
        ("ftp://host/x/", InvalidInput, "not ftp"),
        ("https://user:secret@host/x/", InvalidInput, "TIMBRE_PUBLISH_TOKEN"),
        ("https://host", InvalidInput, "https://HOST/PATH/"),
        ("https://host:x/y/", InvalidInput, "no URL"),
        ("https://host/a b/\r\nX: y", InvalidInput, "https://HOST/PATH/"),
        ("http://127.0.0.1:1/x/", SetupError, "does not take the file"),
        ("http://example.invalid/x/", InvalidInput, "https only"),
        ("s3:///prefix", InvalidInput, "s3://BUCKET/PREFIX"),
        ("s3://key:secret@bucket/", InvalidInput, "environment"),
        ("s3://bucket/", SetupError, "AWS_ACCESS_KEY_ID"),
        ("oci://host", InvalidInput, "oci://REGISTRY"),
        ("oci://user:secret@host/x", InvalidInput, "oci://REGISTRY"),
    ],
)
def test_a_target_that_is_none(
    file: Path, target: str, kind: type[Exception], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(http_put.TOKEN, "secret")
    with pytest.raises(kind, match=why) as caught:
        publish(file, target)
    assert "secret" not in str(caught.value)


def test_what_is_no_adapter_goes_nowhere(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"nothing")
    with pytest.raises(InvalidInput):
        publish(tmp_path / "x.gguf", str(tmp_path))


@pytest.mark.parametrize(
    ("given", "expected"),
    [("Lisa", "lisa"), ("Li sa_2", "li-sa-2"), ("", "voice"), ("…", "voice"), ("a" * 70, "a" * 63)],
)
def test_a_label(given: str, expected: str) -> None:
    assert label(given) == expected


class Taker(BaseHTTPRequestHandler):
    taken: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []
    status: ClassVar[int]

    def do_PUT(self) -> None:
        self.taken.append((self.path, dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nothing is told."""


@pytest.mark.parametrize(
    ("path", "at"), [("/voices/", "/voices/{name}"), ("/voices/lisa.gguf?v=1", "/voices/lisa.gguf?v=1")]
)
def test_http_put(file: Path, path: str, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(http_put.TOKEN, "secret")
    Taker.taken.clear()
    Taker.status = 201
    with HTTPServer(("127.0.0.1", 0), Taker) as stand_in:
        threading.Thread(target=stand_in.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{stand_in.server_port}"
        publish(file, url + path)
        Taker.status = 302
        with pytest.raises(SetupError, match="answers 302"):
            publish(file, url + path)
        stand_in.shutdown()
    found, headers, body = Taker.taken[0]
    assert (found, body) == (at.format(name=name(file)), file.read_bytes())
    assert headers["Authorization"] == "Bearer secret" and headers["Content-Digest"].startswith("sha-256=:")


@pytest.mark.skipif(not (find_spec("moto") and find_spec("obstore")), reason="moto or obstore is not installed")
def test_a_bucket(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    settings = {"ACCESS_KEY_ID": "key", "SECRET_ACCESS_KEY": "secret", "REGION": "us-east-1", "ENDPOINT_URL": url}
    for key, value in settings.items():
        monkeypatch.setenv(f"AWS_{key}", value)
    with server([sys.executable, "-m", "moto.server", "-p", str(port)], url, tmp_path / "log"):
        with pytest.raises(SetupError, match="does not take the file"):
            publish(file, "s3://voices/fr")
        urllib.request.urlopen(urllib.request.Request(f"{url}/voices", method="PUT")).close()
        publish(file, "s3://voices/fr")
        with urllib.request.urlopen(f"{url}/voices/fr/{name(file)}") as answer:
            assert answer.read() == file.read_bytes()
    told = capsys.readouterr().out
    assert f"# s3://voices/fr/{name(file)}\n" in told
    bucket = S3(bucket="voices", key=f"fr/{name(file)}", region="us-east-1", endpoint=url)
    assert voiceprofile.parse(told).spec.adapter == voiceprofile.Adapter(s3=bucket, digest=digest(file))


def test_what_https_takes_is_fetched_from_there(file: Path) -> None:
    there = Http(url="https://voices.example/lisa.gguf")
    adapter = voiceprofile.parse(profile.text(adapter_gguf.read(file), "lisa.gguf", there)).spec.adapter
    assert adapter == voiceprofile.Adapter(http=there, digest=digest(file))


@pytest.mark.parametrize("password", [False, True])
@pytest.mark.skipif(
    not (shutil.which("docker-registry") and find_spec("oras")), reason="docker-registry or oras is not installed"
)
def test_a_registry(
    tmp_path: Path, file: Path, password: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host = f"127.0.0.1:{free_port()}"
    config: dict[str, Any] = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}},
        "http": {"addr": host},
    }
    if password:
        # Of "secret", by htpasswd -B.
        (tmp_path / "htpasswd").write_text("lisa:$2b$05$s1kGYUHeae3c9xj9pgvvUOnG/s2uG7tjNKdPTkW5n43UeZ.YaxnRu\n")
        config["auth"] = {"htpasswd": {"realm": "voices", "path": str(tmp_path / "htpasswd")}}
        monkeypatch.setenv(oci.USER, "lisa")
        monkeypatch.setenv(oci.PASSWORD, "secret")
    (tmp_path / "registry.json").write_text(json.dumps(config))
    url = f"http://{host}/v2/"
    with server(["docker-registry", "serve", tmp_path / "registry.json"], url, tmp_path / "log"):
        if password:
            monkeypatch.setenv(oci.PASSWORD, "wrong")
            with pytest.raises(SetupError, match="does not take the file"):
                publish(file, f"oci://{host}/voices/lisa:1.0")
            monkeypatch.setenv(oci.PASSWORD, "secret")
        publish(file, f"oci://{host}/voices/lisa:1.0")
        told = capsys.readouterr().out
        if password:
            return
        accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        with urllib.request.urlopen(
            urllib.request.Request(f"{url}voices/lisa/manifests/1.0", headers=accept)
        ) as answer:
            manifest = json.loads(answer.read())
            found = answer.headers["Docker-Content-Digest"]
        (layer,) = manifest["layers"]
        assert layer["digest"] == digest(file)
        assert layer["annotations"]["org.opencontainers.image.title"] == name(file)
        assert manifest["annotations"] == {"dev.timbre.adapter.digest": digest(file)}
        with urllib.request.urlopen(f"{url}voices/lisa/blobs/{digest(file)}") as answer:
            assert answer.read() == file.read_bytes()
        assert f"# {host}/voices/lisa@{found}\n" in told
        artefact = Oci(reference=f"{host}/voices/lisa@{found}")
        assert voiceprofile.parse(told).spec.adapter == voiceprofile.Adapter(oci=artefact, digest=digest(file))
