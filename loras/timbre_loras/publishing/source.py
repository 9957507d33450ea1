"""The file that is published, read once and compared with the digest that it had when it was looked at."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from timbre_common.errors import InvalidInput
from timbre_common.sources import S3, Http, Oci

MEDIA_TYPE: Final = "application/vnd.timbre.adapter.v1+gguf"
_BLOCK: Final = 1 << 20


@dataclass(frozen=True)
class Source:
    """A file, and the name that it gets at its place."""

    path: Path
    size: int
    """Bytes."""
    digest: str
    """`sha256:…` of the file."""
    name: str

    @property
    def hash(self) -> bytes:
        """The digest's 32 bytes."""
        return bytes.fromhex(self.digest.removeprefix("sha256:"))

    def blocks(self) -> Iterator[bytes]:
        """Its bytes. Raises InvalidInput before the last of them where the file has changed since."""
        found, read = hashlib.sha256(), 0
        with self.path.open("rb") as file:
            while block := file.read(_BLOCK):
                found.update(block)
                read += len(block)
                if read >= self.size and (read > self.size or found.digest() != self.hash):
                    break
                yield block
        if found.digest() != self.hash:
            raise InvalidInput("it has changed while it was published", str(self.path))


@dataclass(frozen=True)
class Place:
    """Where the last file lies then."""

    name: str
    """For people."""
    remote: Http | S3 | Oci | None = None
    """From where a fetcher gets it; None: it is below the adapters volume, or will be put there."""
