"""Where a voice's file comes from."""

from typing import Any

import pytest

from timbre_common import decoding, voiceprofile
from timbre_common.errors import InvalidInput
from timbre_common.voiceprofile import Adapter, Reference

DIGEST = "sha256:" + "a1" * 32
REMOTE = [
    {"http": {"url": "https://example.com:8443/voices/lisa.gguf?version=2"}},
    {"huggingFace": {"repository": "timbre/voices", "file": "lisa/lisa.gguf", "revision": "refs/pr/1"}},
    {"huggingFace": {"repository": "gpt2", "file": "lisa.gguf"}},
    {"s3": {"bucket": "voices", "key": "lisa/1.gguf", "region": "eu-west-3"}},
    {"s3": {"bucket": "voices", "key": "lisa.gguf", "endpoint": "http://minio.minio.svc:9000"}},
    {"oci": {"reference": "registry.example.com:5000/voices/lisa:1.0"}},
    {"oci": {"reference": f"ghcr.io/timbre/lisa@{DIGEST}"}},
]


@pytest.mark.parametrize("source", REMOTE, ids=str)
def test_a_fetched_file_lies_where_its_digest_says(source: dict[str, Any]) -> None:
    adapter = decoding.convert({**source, "digest": DIGEST}, Adapter)
    assert adapter.file == f"sha256/{'a1' * 32}.gguf"
    assert adapter.remote is not None
    assert decoding.convert({**source, "digest": DIGEST}, Reference).file == f"sha256/{'a1' * 32}.safetensors"


@pytest.mark.parametrize("path", ["lisa.gguf", "a/b/c.gguf", "..a/b", "a../b", ".a/.b/...", "."])
def test_a_file_that_is_there_lies_at_its_path(path: str) -> None:
    adapter = decoding.convert({"path": path}, Adapter)
    assert (adapter.file, adapter.remote) == (path, None)


@pytest.mark.parametrize(
    ("adapter", "field", "message"),
    [
        ({}, "", "exactly one of path, http, huggingFace, s3, oci is right"),
        ({"path": "a", "oci": {"reference": "r.io/a:1"}, "digest": DIGEST}, "", "exactly one of"),
        ({"http": {"url": "https://example.com/a"}}, "", "digest is needed where the file is fetched"),
        *(
            ({"path": path}, "path", "regex")
            for path in ("", "/a", "..", "a/..", "../a", "a/../b", "a/", "a//b", "a\n/b")
        ),
        *(
            ({"http": {"url": url}, "digest": DIGEST}, "http.url", "regex")
            for url in (
                "http://example.com/a",
                "https://user:secret@example.com/a",
                "https://example.com",
                "https://example.com/a#b",
                "https://example.com/a b",
                "file:///etc/passwd",
            )
        ),
        ({"huggingFace": {"repository": "a/b/c", "file": "a"}, "digest": DIGEST}, "huggingFace.repository", "regex"),
        ({"huggingFace": {"repository": "a/..", "file": "a"}, "digest": DIGEST}, "huggingFace.repository", "regex"),
        (
            {"huggingFace": {"repository": "a/b", "file": "../a"}, "digest": DIGEST},
            "huggingFace.file",
            "regex",
        ),
        ({"s3": {"bucket": "A", "key": "a"}, "digest": DIGEST}, "s3.bucket", "regex"),
        ({"s3": {"bucket": "abc", "key": "a", "endpoint": "ftp://a"}, "digest": DIGEST}, "s3.endpoint", "regex"),
        ({"oci": {"reference": "lisa"}, "digest": DIGEST}, "oci.reference", "regex"),
        ({"oci": {"reference": "ghcr.io/Timbre/lisa:1"}, "digest": DIGEST}, "oci.reference", "regex"),
        ({"oci": {"reference": "ghcr.io/timbre/lisa"}, "digest": DIGEST}, "oci.reference", "regex"),
    ],
    ids=str,
)
def test_a_wrong_source_is_refused_at_its_field(adapter: dict[str, Any], field: str, message: str) -> None:
    document = {
        "apiVersion": "timbre.dev/v1alpha1",
        "kind": "VoiceProfile",
        "metadata": {"name": "lisa"},
        "spec": {"agentID": "lisa", "languages": ["fr"], "adapter": adapter},
    }
    with pytest.raises(InvalidInput, match=message) as raised:
        decoding.convert(document, voiceprofile.VoiceProfile)
    assert raised.value.field == ".".join(part for part in ("spec.adapter", field) if part)
