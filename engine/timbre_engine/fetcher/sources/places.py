"""URLs of files and the headers that ask for them, for the kinds of source that one GET is enough for. Pure."""

from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit

from timbre_common.sources import S3, HuggingFace
from timbre_engine.fetcher.credentials import Credentials
from timbre_engine.fetcher.sources import sigv4

HUB: Final = "https://huggingface.co"
_REGION: Final = "us-east-1"
"""Where no region is named."""


def hub_url(source: HuggingFace, hub: str = HUB) -> str:
    """Where the Hub gives out a file at a revision."""
    parts = source.repository, "resolve", quote(source.revision, safe=""), quote(source.file)
    return "/".join((hub.rstrip("/"), *parts))


def s3_url(source: S3) -> str:
    """Path style, or virtual-host style where the endpoint's name begins with the bucket's."""
    endpoint = source.endpoint or f"https://s3.{_region(source)}.amazonaws.com"
    host = urlsplit(endpoint).hostname or ""
    virtual = host.startswith(f"{source.bucket}.")
    return endpoint + (sigv4.path_of(source.key) if virtual else sigv4.path_of(source.bucket, source.key))


def s3_headers(source: S3, url: str, host: str, credentials: Credentials, now: datetime) -> dict[str, str]:
    """The signature for `host`, as the Host header names it; none without an access key, for a public bucket."""
    if not credentials.access_key_id:
        return {}
    return sigv4.headers(
        host,
        urlsplit(url).path,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
        session_token=credentials.session_token,
        region=_region(source),
        now=now,
    )


def _region(source: S3) -> str:
    return source.region or _REGION
