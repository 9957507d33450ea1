"""Where a voice's file comes from: a path below the adapters volume, or a place that it is fetched from, by digest.

Here is what such a place is called. Fetching belongs to the engine's fetcher; the engine reads `file` and nothing else.
"""

from typing import Annotated, ClassVar, Final

import msgspec

Digest = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$")]

_SEGMENT: Final = r"([^/.\x00-\x1f][^/\x00-\x1f]*|\.([^/.\x00-\x1f][^/\x00-\x1f]*)?|\.\.[^/\x00-\x1f]+)"
"""A path's segment that is not `..`, in the words that Go's regular expressions have too."""
RelativePath = Annotated[str, msgspec.Meta(pattern=rf"^{_SEGMENT}(/{_SEGMENT})*$", max_length=512)]

_HOST: Final = r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?"
Url = Annotated[str, msgspec.Meta(pattern=rf"^https://{_HOST}/[!$-~]*$", max_length=2048)]
"""HTTPS, without user, password or fragment."""
Endpoint = Annotated[str, msgspec.Meta(pattern=rf"^https?://{_HOST}$", max_length=300)]
Repository = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$", max_length=200)
]
Revision = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$", max_length=200)
]
OciReference = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{_HOST}/[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}}|@sha256:[0-9a-f]{{64}})$",
        max_length=512,
    ),
]
Bucket = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Region = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$")]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A part of a resource: unknown fields are refused."""


class Http(Part, frozen=True):
    """A file behind an HTTPS URL."""

    url: Url


class HuggingFace(Part, frozen=True):
    """A file of a repository on the Hugging Face Hub."""

    repository: Repository
    file: RelativePath
    revision: Revision = "main"


class S3(Part, frozen=True):
    """An object in a bucket of S3's kind; `endpoint` names a server other than AWS'."""

    bucket: Bucket
    key: RelativePath
    region: Region | None = None
    endpoint: Endpoint | None = None


class Oci(Part, frozen=True):
    """An artefact in a registry with the file among its layers: `registry/repository:tag`, or `@sha256:…`."""

    reference: OciReference


Remote = Http | HuggingFace | S3 | Oci
MEMBERS: Final = ("path", "http", "huggingFace", "s3", "oci")
"""The union's fields, as YAML has them."""


class Sourced(Part, frozen=True):
    """A file by its source: exactly one of `path`, `http`, `huggingFace`, `s3`, `oci`. A fetched one has a digest."""

    suffix: ClassVar[str] = ""

    path: RelativePath | None = None
    http: Http | None = None
    hugging_face: HuggingFace | None = None
    s3: S3 | None = None
    oci: Oci | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, which decoding turns into InvalidInput at this field."""
        named = [
            member for member in (self.path, self.http, self.hugging_face, self.s3, self.oci) if member is not None
        ]
        if len(named) != 1:
            raise ValueError(f"exactly one of {', '.join(MEMBERS)} is right")
        if self.path is None and self.digest is None:
            raise ValueError("digest is needed where the file is fetched: sha256: and 64 hexadecimal digits")

    @property
    def remote(self) -> Remote | None:
        """The place that the file is fetched from; None where it is there already."""
        return self.http or self.hugging_face or self.s3 or self.oci

    @property
    def file(self) -> str:
        """Where the file lies below the adapters volume: `path`, or what its digest says."""
        if self.path is not None:
            return self.path
        assert self.digest is not None
        return f"sha256/{self.digest.removeprefix('sha256:')}{self.suffix}"
