"""What is asked of the Hub and of buckets; signatures beside AWS' own example and botocore's."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given
from hypothesis import strategies as st

from timbre_common.errors import InvalidInput
from timbre_common.sources import S3, HuggingFace
from timbre_engine.fetcher import credentials
from timbre_engine.fetcher.credentials import Credentials
from timbre_engine.fetcher.sources import places, registry, sigv4

KEYS: dict[str, Any] = {
    "access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
WHEN = datetime(2013, 5, 24, tzinfo=UTC)


def test_the_signature_of_aws_own_example() -> None:
    """GET Object in the page that the module names."""
    signed = sigv4.headers(
        "examplebucket.s3.amazonaws.com",
        "/test.txt",
        **KEYS,
        region="us-east-1",
        now=WHEN,
        extra={"range": "bytes=0-9"},
    )
    assert signed["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


@given(
    key=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30),
    session=st.sampled_from(["", "a/session+token=="]),
)
def test_the_signature_is_botocore_s(key: str, session: str) -> None:
    source = S3(bucket="voices", key="k", region="eu-west-1", endpoint="https://s3.example:9000")
    url = "https://s3.example:9000" + sigv4.path_of("voices", key)
    known = Credentials(**KEYS, session_token=session)
    ours = places.s3_headers(source, url, "s3.example:9000", known, WHEN)
    request = AWSRequest("GET", url, headers={"X-Amz-Date": ours["x-amz-date"]})
    request.context["timestamp"] = ours["x-amz-date"]
    signer = S3SigV4Auth(BotoCredentials(*KEYS.values(), session or None), "s3", "eu-west-1")
    request.headers["X-Amz-Content-SHA256"] = ours["x-amz-content-sha256"]
    if session:
        request.headers["X-Amz-Security-Token"] = session
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    assert ours["Authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    ("source", "url"),
    [
        (S3(bucket="voices", key="fr/lisa.gguf"), "https://s3.us-east-1.amazonaws.com/voices/fr/lisa.gguf"),
        (S3(bucket="a.b", key="l", region="eu-west-1"), "https://s3.eu-west-1.amazonaws.com/a.b/l"),
        (
            S3(bucket="v", key="é +?#%.gguf", endpoint="http://minio:9000"),
            "http://minio:9000/v/%C3%A9%20%2B%3F%23%25.gguf",
        ),
        (S3(bucket="voices", key="l", endpoint="https://voices.s3.example"), "https://voices.s3.example/l"),
    ],
)
def test_where_an_object_is(source: S3, url: str) -> None:
    assert places.s3_url(source) == url


def test_where_the_hub_has_a_file() -> None:
    source = HuggingFace(repository="timbre/voices", file="fr/lisa v2.gguf", revision="refs/pr/1")
    assert places.hub_url(source) == "https://huggingface.co/timbre/voices/resolve/refs%2Fpr%2F1/fr/lisa%20v2.gguf"


def test_a_public_bucket_is_asked_without_a_signature() -> None:
    source = S3(bucket="voices", key="l")
    assert places.s3_headers(source, places.s3_url(source), "s3.us-east-1.amazonaws.com", Credentials(), WHEN) == {}


def test_credentials_lie_in_a_folder_a_host(tmp_path: Path) -> None:
    for name, files in {
        "example.org": {"token": "a token\n"},
        "example.org_8443": {"username": "lisa", "password": "pass:word"},
        "keys.example": {"accessKeyID": "id", "secretAccessKey": "key", "sessionToken": "s"},
        "bad.example": {"token": "two\nlines"},
    }.items():
        (tmp_path / name).mkdir()
        for key, value in files.items():
            (tmp_path / name / key).write_text(value)
    read = {host: credentials.read(tmp_path, *host) for host in [("example.org", 443), ("example.org", 8443)]}
    assert read["example.org", 443].authorization() == {"Authorization": "Bearer a token"}
    assert read["example.org", 8443].authorization() == {"Authorization": "Basic bGlzYTpwYXNzOndvcmQ="}
    keys = credentials.read(tmp_path, "keys.example")
    assert (keys.access_key_id, keys.secret_access_key, keys.session_token) == ("id", "key", "s")
    for host in "other.example", "bad.example", "..", "../example.org", "":
        assert credentials.read(tmp_path, host).authorization() == {}
    assert credentials.read(None, "example.org") == Credentials()
    assert not any(secret in repr(keys) for secret in ("id'", "key'", "'s'"))


@pytest.mark.parametrize(
    ("challenge", "url"),
    [
        (
            'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:x:pull,push"',
            "https://auth.example/token?scope=repository%3Avoices%2Flisa%3Apull&service=registry.example",
        ),
        (
            'bearer realm="https://auth.example/token?a=b"',
            "https://auth.example/token?a=b&scope=repository%3Avoices%2Flisa%3Apull",
        ),
        ('Basic realm="https://auth.example/"', None),
        ('Bearer realm="nowhere"', None),
        ("Bearer", None),
        ("", None),
    ],
)
def test_where_a_registry_s_token_is_given_out(challenge: str, url: str | None) -> None:
    assert registry.token_url(challenge, "voices/lisa") == url


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("registry.example/voices/lisa:1.0", ("registry.example", "voices/lisa", "1.0")),
        ("registry.example:5000/lisa:1", ("registry.example:5000", "lisa", "1")),
        (f"r.example/lisa@sha256:{'a' * 64}", ("r.example", "lisa", f"sha256:{'a' * 64}")),
    ],
)
def test_an_artefact_s_parts(reference: str, parts: tuple[str, str, str]) -> None:
    assert registry.parse(reference) == parts


def test_what_is_no_artefact() -> None:
    with pytest.raises(InvalidInput, match=r"oci\.reference"):
        registry.parse("registry.example/lisa")
