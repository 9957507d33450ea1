"""A bucket of S3's kind."""

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from timbre_common.errors import InvalidInput, SetupError
from timbre_common.sources import S3
from timbre_loras.publishing import extra
from timbre_loras.publishing.source import Place, Source

_CREDENTIALS: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
_RETRY: Final = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}


def put(sources: Sequence[Source], url: str) -> Place:
    """Put the files below `s3://BUCKET/PREFIX`; the last one's URL. Each object appears whole or not at all.

    Endpoint, region and credentials come from the variables that AWS' own tools read. Raises InvalidInput, SetupError.
    """
    parts = urlsplit(url)
    if not parts.netloc or "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidInput("s3://BUCKET/PREFIX is right; credentials come from the environment", "target")
    if not any(os.environ.get(name) for name in _CREDENTIALS):
        raise SetupError(
            f"no credentials for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or {_CREDENTIALS[1]})"
        )
    obstore: Any = extra.load("obstore")
    stores: Any = extra.load("obstore.store")
    endpoint = os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT") or None
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None
    plain = (endpoint or "").startswith("http://")
    folder = f"{parts.path.strip('/')}/".lstrip("/")
    try:
        store = stores.S3Store(parts.netloc, client_options={"allow_http": plain}, retry_config=_RETRY)
        for source in sources:
            attributes = {"Content-Type": "application/octet-stream"}
            obstore.put(store, folder + source.name, source.blocks(), attributes=attributes)
    except InvalidInput:
        raise
    except Exception as error:  # the library's own errors have no common root but this
        raise SetupError(f"{url} does not take the file: {_first_line(error)}") from error
    key = folder + sources[-1].name
    remote = S3(bucket=parts.netloc, key=key, region=region, endpoint=endpoint and endpoint.rstrip("/"))
    return Place(f"s3://{parts.netloc}/{key}", remote)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
