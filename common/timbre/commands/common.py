"""Options that several commands share, and the client made of them. Secrets come from the environment or a file."""

import os
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from timbre.address import DEFAULT_URL
from timbre.client import Client
from timbre_common.errors import SetupError
from timbre_common.names import DEFAULT_CHANNEL

ENV_URL: Final = "TIMBRE_URL"
ENV_TOKEN: Final = "TIMBRE_TOKEN"  # noqa: S105 -- a variable's name, not a secret
ENV_CA: Final = "TIMBRE_CA"

Url = Annotated[
    str,
    Parameter(name="--url", env_var=ENV_URL, help="The bridge: http(s)://host:port, or the link that `run` prints."),
]
Ca = Annotated[
    Path | None,
    Parameter(name="--ca", env_var=ENV_CA, help="PEM file with the authority that signed the bridge's certificate."),
]
TokenFile = Annotated[
    Path | None,
    Parameter(name="--token-file", help="File with a token (default: the variable TIMBRE_TOKEN, if set)."),
]
Room = Annotated[str | None, Parameter(name="--room", help="Room to play it in.")]
Channel = Annotated[str, Parameter(name="--channel", help="Redis Pub/Sub channel that carries H-Link.")]


def client(
    url: str = DEFAULT_URL,
    ca: Path | None = None,
    token_file: Path | None = None,
    redis_url: str | None = None,
    channel: str = DEFAULT_CHANNEL,
) -> Client:
    """The client for these options. Raises SetupError, InvalidInput."""
    token = read_secret(token_file).decode() if token_file else os.environ.get(ENV_TOKEN)
    return Client(url, redis_url=redis_url, token=token or None, ca=str(ca) if ca else None, channel=channel)


def read_secret(path: Path) -> bytes:
    """A secret file's content without the line's end. Raises SetupError."""
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise SetupError(f"{path}: cannot be read ({error.strerror})") from error
