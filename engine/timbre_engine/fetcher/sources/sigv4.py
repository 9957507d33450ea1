"""AWS Signature Version 4 of a GET without a body, as S3 wants it. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

_EMPTY: Final = hashlib.sha256(b"").hexdigest()
_ALGORITHM: Final = "AWS4-HMAC-SHA256"


def path_of(*parts: str) -> str:
    """A URL's path, each part percent-encoded as the signature wants it, slashes kept."""
    return "/" + "/".join(quote(part, safe="/-_.~") for part in parts)


def headers(
    host: str,
    path: str,
    *,
    access_key_id: str,
    secret_access_key: str,
    session_token: str = "",
    region: str,
    now: datetime,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The headers that sign a GET of `path`, encoded as in the URL, at `host`, with its port where the URL has one.

    `extra`: further headers to be signed, in lower case; they are not among those returned.
    """
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    own = {"x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
    if session_token:
        own["x-amz-security-token"] = session_token
    signed = sorted({"host": host, **own, **(extra or {})}.items())
    names = ";".join(name for name, _ in signed)
    lines = "".join(f"{name}:{value}\n" for name, value in signed)
    request = f"GET\n{path}\n\n{lines}\n{names}\n{_EMPTY}"
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret_access_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    signature = _hmac(key, text).hex()
    return own | {
        "Authorization": f"{_ALGORITHM} Credential={access_key_id}/{scope},SignedHeaders={names},Signature={signature}"
    }


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
