"""A repository's files into a directory: what is there is kept, what is half there goes on, and sums are verified.

`DIR/.timbre-pull/` holds the listing that the directory follows, and the files under way by their sums.
"""

import errno
import hashlib
import shutil
from pathlib import Path
from typing import Final

import httpx2
import msgspec
from huggingface_hub import hf_hub_url, is_offline_mode
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import logging

from timbre_common import decoding
from timbre_common.errors import InvalidInput, SetupError, Transient
from timbre_engine.convert import hub
from timbre_engine.convert.hub import Listing, RemoteFile, Repository

_STATE: Final = ".timbre-pull"
_LISTING: Final = "listing.json"
_BLOCK: Final = 1 << 20


def pull(repository: Repository, directory: Path) -> tuple[Listing, int]:
    """Make the directory hold the repository's files; what it holds, and how many bytes were lacking.

    Offline (HF_HUB_OFFLINE), verify that it does. Raises InvalidInput, Unauthorized, SetupError or Transient; what was
    transferred is kept and used by the next call.
    """
    before = _stored(directory)
    if before is not None and before.repository != repository.name:
        raise SetupError(f"{directory} holds {before.repository}: pull {repository.name} into another directory")
    try:
        if is_offline_mode():
            return _verified(repository, directory, before), 0
        wanted = hub.listing(repository)
        for stale in (before.files.keys() if before else set()) - wanted.files.keys():
            (directory / stale).unlink(missing_ok=True)
        _store(directory, wanted)
        return wanted, _complete(repository, directory, wanted)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SetupError(f"the disk of {directory} is full; what was transferred is kept") from error
        raise SetupError(f"{directory}: {error.strerror or error}") from error


def _verified(repository: Repository, directory: Path, stored: Listing | None) -> Listing:
    if stored is None or repository.revision not in (stored.revision, stored.commit):
        raise SetupError(f"{repository} was not pulled into {directory}, and HF_HUB_OFFLINE keeps it from the Hub")
    for name, file in stored.files.items():
        if not _is_whole(directory / name, file):
            raise SetupError(f"{name} of {repository} is not whole in {directory}: pull it without HF_HUB_OFFLINE")
    return stored


def _complete(repository: Repository, directory: Path, wanted: Listing) -> int:
    lacking = {name: file for name, file in wanted.files.items() if not _is_whole(directory / name, file)}
    size = sum(file.size - _size(_partial(directory, file)) for file in lacking.values())
    free = shutil.disk_usage(directory).free
    if size > free:
        raise SetupError(f"{repository} lacks {size / 1e9:.2f} GB, and the disk of {directory} has {free / 1e9:.2f}")
    logging.set_verbosity_error()  # type: ignore[no-untyped-call] # its warnings carry signed addresses
    for name, file in lacking.items():
        _fetch(repository, wanted.commit, directory, name, file)
    for left in (directory / _STATE).glob("*.partial"):
        left.unlink()
    return size


def _fetch(repository: Repository, commit: str, directory: Path, name: str, file: RemoteFile) -> None:
    partial = _partial(directory, file)
    if _size(partial) > file.size:
        partial.unlink()
    url = hf_hub_url(repository.name, name, revision=commit)
    with hub.translated(repository):
        while _size(partial) < file.size:
            before = _size(partial)
            try:
                _transfer(url, partial, name, file.size)
            except httpx2.TransportError:
                if _size(partial) <= before:
                    raise
    if file.size == 0:
        partial.touch()
    if not _is_whole(partial, file):
        partial.unlink()
        raise Transient(f"{name} of {repository} came damaged: pull it again")
    target = directory / name
    target.parent.mkdir(exist_ok=True)
    partial.replace(target)


def _transfer(url: str, partial: Path, name: str, size: int) -> None:
    # The session follows redirects, and sends the token to the Hub's own host alone.
    token = hub.token()
    headers = {"user-agent": "timbre", **({"authorization": f"Bearer {token}"} if token else {})}
    with partial.open("ab") as opened:
        http_get(
            url,
            opened,
            resume_size=opened.tell(),
            headers=headers,
            expected_size=size,
            displayed_filename=name,
        )


def _is_whole(path: Path, file: RemoteFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    kind, _, expected = file.digest.partition(":")
    digest = hashlib.sha256() if kind == "sha256" else hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    with path.open("rb") as opened:
        while block := opened.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest() == expected


def _partial(directory: Path, file: RemoteFile) -> Path:
    return directory / _STATE / f"{file.digest.partition(':')[2]}.partial"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _stored(directory: Path) -> Listing | None:
    try:
        stored = decoding.from_json((directory / _STATE / _LISTING).read_bytes(), Listing)
        return stored if all(map(hub.is_wanted, stored.files)) else None
    except (FileNotFoundError, InvalidInput):
        return None
    except OSError as error:
        raise SetupError(f"{directory}: {error.strerror}") from error


def _store(directory: Path, listing: Listing) -> None:
    path = directory / _STATE / _LISTING
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".new")
    partial.write_bytes(msgspec.json.encode(listing))
    partial.replace(path)
