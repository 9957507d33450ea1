"""`timbre-loras publish`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from timbre_common.errors import InvalidInput
from timbre_loras import adapter_gguf, profile
from timbre_loras.adapter_gguf import AdapterGguf
from timbre_loras.publishing import directory, http_put, oci, s3
from timbre_loras.publishing.source import Place, Source

_SCHEMES = {"http": http_put.put, "https": http_put.put, "s3": s3.put, "oci": oci.put}
_SHORT = 12
"""Digits of the digest in a file's name."""


def publish(
    file: Path,
    target: Annotated[
        str, Parameter(help="A directory, https://HOST/PATH/, s3://BUCKET/PREFIX or oci://REGISTRY/REPOSITORY:TAG.")
    ],
) -> None:
    """Put an adapter FILE where engines find it, under a name that holds its digest, and print the VoiceProfile.

    The second file that it names goes before it, to where a fetcher finds it beside the first. A new version has
    another name, so nothing that speaks is exchanged underneath. Credentials come from the environment:
    TIMBRE_PUBLISH_TOKEN for HTTP, AWS_ACCESS_KEY_ID and the like for S3, TIMBRE_REGISTRY_USER and
    TIMBRE_REGISTRY_PASSWORD for a registry.
    """
    adapter = adapter_gguf.read(file)
    adapter.pairs()  # what is no adapter, or not finite, goes nowhere
    digits = adapter.digest.removeprefix("sha256:")[:_SHORT]
    source = Source(file, adapter.size, adapter.digest, f"{profile.label(file.stem)}-{digits}.gguf")
    profile.text(adapter, source.name)  # what no profile can name goes nowhere either
    place = _put([*_before(adapter), source], target)
    document = profile.text(adapter, source.name, place.remote)
    sys.stdout.write(f"# {place.name}\n# {adapter.digest}\n{document}")


def _before(adapter: AdapterGguf) -> list[Source]:
    second = adapter.predictor()
    if second is None:
        return []
    second.pairs()
    return [Source(second.path, second.size, second.digest, second.path.name)]


def _put(sources: Sequence[Source], target: str) -> Place:
    scheme, separator, _ = target.partition("://")
    if not separator:
        return directory.put(sources, Path(target))
    if scheme not in _SCHEMES:
        raise InvalidInput(f"a directory, http, https, s3 or oci is right, not {scheme}", "target")
    return _SCHEMES[scheme](sources, target)
