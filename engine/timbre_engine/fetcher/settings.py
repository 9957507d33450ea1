"""What can be set of the fetcher; the command line and the environment fill it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.types import NonNegativeInt, Port, PositiveFloat, PositiveInt

from timbre_common import names
from timbre_engine.fetcher.sources import places


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every field is a flag, and an environment variable TIMBRE_FETCHER_<FIELD>."""

    adapters: Path = Path("adapters")
    """The adapters volume: fetched files are put below `sha256/` in it, and nothing else of it is touched."""

    voices: Path | None = None
    """Directory with the parts of the voices document to begin with, as the operator's ConfigMaps are mounted."""

    engine: str = f"http://127.0.0.1:{names.ENGINE_ADMIN_PORT}"
    """The engine's administration."""

    token_file: Path | None = None
    """File with the administration's tokens, one a line, which the engine has too: each is right for who asks here, the
    first is sent to the engine. It is read again when it changes."""

    credentials: Path | None = None
    """Directory with a folder for each host that wants them, `HOST` or `HOST_PORT`. Files in it: `token`, or `username`
    and `password`, or `accessKeyID` and `secretAccessKey` (and `sessionToken`); `ca.crt` where the host has a
    certificate authority of its own. Read at each fetch."""

    allowed_hosts: str = ""
    """Hosts that files may be fetched from, with commas between them: `example.org`, `example.org:8443` for a port
    other than 443, `*.example.org` for all below it. Without any, nothing is fetched."""

    insecure_hosts: str = ""
    """Those of the allowed hosts that may be asked over plain HTTP, as `host:port`."""

    hub: str = places.HUB
    """The Hugging Face Hub, or a mirror of it; it has to be among the allowed hosts."""

    allow_private: Annotated[bool, Parameter(negative=())] = False
    """Whether an allowed host may have an address that is not public: of a private network, of this machine."""

    max_bytes: PositiveInt = 64 << 20
    """Bytes of a file, at most."""

    volume_bytes: NonNegativeInt = 0
    """Bytes of all fetched files together, at most, such as an emptyDir's limit; 0: as much as the disk holds."""

    timeout: PositiveFloat = 300.0
    """Seconds that a file may take, at most."""

    stall: PositiveFloat = 30.0
    """Seconds that a source may be silent."""

    parallel: PositiveInt = 4
    """Files that are fetched from one host at the same time; hosts do not wait for each other."""

    grace: PositiveFloat = 3600.0
    """Seconds that a fetched file is kept after the last document that named it."""

    ready_within: PositiveFloat = 60.0
    """Seconds after which `/ready` no longer waits for files whose first try has not ended."""

    host: str = "127.0.0.1"
    """Address to listen on."""

    port: Port = names.FETCHER_PORT
    """Port to listen on; 0: a free one, which is logged."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged, on standard error. Credentials never are, nor the queries of URLs."""
