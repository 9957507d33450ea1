"""An OCI registry: each file is a layer of an artefact, as `oras push` makes it."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from timbre_common import hosts
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.sources import Oci
from timbre_loras.publishing import directory, extra
from timbre_loras.publishing.source import MEDIA_TYPE, Place, Source

USER: Final = "TIMBRE_REGISTRY_USER"
PASSWORD: Final = "TIMBRE_REGISTRY_PASSWORD"  # noqa: S105 -- a variable's name, not a secret
_TIMEOUT_S: Final = 30
_TARGET: Final = re.compile(
    r"oci://(?P<registry>[A-Za-z0-9.-]+(:[0-9]{1,5})?)/(?P<repository>[a-z0-9]+([._/-]+[a-z0-9]+)*)"
    r"(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
)


def put(sources: Sequence[Source], url: str) -> Place:
    """Push the files to `oci://REGISTRY/REPOSITORY[:TAG]`; the artefact's address by digest.

    Without a tag it is the beginning of the last one's digest. A registry on this machine is spoken to over plain HTTP,
    any other over HTTPS. Raises InvalidInput, SetupError.
    """
    match = _TARGET.fullmatch(url)
    if match is None:
        raise InvalidInput(
            f"oci://REGISTRY/REPOSITORY:TAG is right; credentials come from {USER}, {PASSWORD}", "target"
        )
    registry, repository = match["registry"], match["repository"]
    client_module: Any = extra.load("oras.client")
    plain = hosts.is_loopback(registry.partition(":")[0])
    try:
        backend = _backend(f"{'http' if plain else 'https'}://{registry}/v2/")
        client = client_module.OrasClient(hostname=registry, insecure=plain, auth_backend=backend)
        if os.environ.get(USER):
            client.auth.set_basic_auth(os.environ[USER], os.environ.get(PASSWORD, ""))
        answer = _push(client, sources, f"{registry}/{repository}:{match['tag'] or sources[-1].hash.hex()[:12]}")
    except InvalidInput:
        raise
    except Exception as error:  # the library raises ValueError, requests' errors and its own
        raise SetupError(f"{registry} does not take the file: {' '.join(str(error).split())}") from error
    reference = f"{registry}/{repository}@{answer.headers['Docker-Content-Digest']}"
    return Place(reference, Oci(reference=reference))


def _push(client: Any, sources: Sequence[Source], target: str) -> Any:
    # The library reads a file twice, and calls the layer what the file is called: copies that nobody changes.
    with TemporaryDirectory() as folder:
        directory.put(sources, Path(folder))
        return client.push(
            target=target,
            files=[f"{Path(folder) / source.name}:{MEDIA_TYPE}" for source in reversed(sources)],
            disable_path_validation=True,
            manifest_annotations={"dev.timbre.adapter.digest": sources[-1].digest},
            quiet=True,
        )


def _backend(url: str) -> str:
    """The library has one for registries that ask for a password, another for those that give out tokens."""
    requests: Any = extra.load("requests")
    challenge = requests.get(url, timeout=_TIMEOUT_S).headers.get("Www-Authenticate", "")
    return "basic" if challenge.lower().startswith("basic") else "token"
