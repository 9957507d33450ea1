"""The Hugging Face Hub as conversion sees it: a repository's files at a revision, with their sums.

Of huggingface_hub this takes the API, the session and the transfer of one file. Its `snapshot_download` is not used: it
starts a file anew that an earlier process left half done, and answers a refused token with whatever lies in the
directory. HF_ENDPOINT, HF_HUB_OFFLINE and the proxies' variables are read when huggingface_hub is imported; of tokens
HF_TOKEN alone is sent.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import httpx2  # the errors that huggingface_hub 2 lets through are this library's
import msgspec
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from timbre_common.errors import InvalidInput, SetupError, TimbreError, Transient, Unauthorized

ENV_TOKEN: Final = "HF_TOKEN"  # noqa: S105 -- a variable's name, not a secret
_TIMEOUT: Final = 30.0
"""Seconds for the listing."""

_WANTED: Final = re.compile(
    r"(speech_tokenizer/)?"
    r"([A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors(\.index\.json)?"
    r"|(config|generation_config|preprocessor_config|configuration|tokenizer|tokenizer_config|special_tokens_map"
    r"|added_tokens|vocab)\.json|merges\.txt)"
)
_PART: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"
_REPOSITORY: Final = re.compile(rf"(?P<name>{_PART}/{_PART})(@(?P<revision>(?!/)(?!.*\.\.)[A-Za-z0-9._/-]{{1,200}}))?")
_TOKEN: Final = re.compile(r"[!-~]*")


@dataclass(frozen=True)
class Repository:
    """A model's repository at a branch, tag or commit."""

    name: str
    """organisation/name"""
    revision: str

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}"


class RemoteFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file as the Hub lists it."""

    size: int
    digest: str
    """`sha256:…` of its content, or `git:…`, git's name of the blob, for a small file."""


class Listing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a repository holds at one commit, as far as conversion reads it."""

    repository: str
    revision: str
    commit: str
    files: dict[str, RemoteFile]


def parse(text: str) -> Repository:
    """`organisation/name` or `organisation/name@revision`. Raises InvalidInput."""
    match = _REPOSITORY.fullmatch(text)
    if match is None:
        raise _malformed(text)
    return Repository(match["name"], match["revision"] or constants.DEFAULT_REVISION)


def is_wanted(name: str) -> bool:
    """Whether conversion reads a file of this name."""
    return _WANTED.fullmatch(name) is not None


def token() -> str | bool:
    """HF_TOKEN, or False, which keeps huggingface_hub from looking for one elsewhere. Raises SetupError."""
    found = os.environ.get(ENV_TOKEN, "").strip()
    if not _TOKEN.fullmatch(found):
        # Refused here, since the HTTP library would print it.
        raise SetupError(f"{ENV_TOKEN} holds characters that no token has")
    return found or False


def listing(repository: Repository) -> Listing:
    """Ask the Hub what the repository holds.

    Raises InvalidInput, Unauthorized, SetupError or Transient: each is one line that says what to do.
    """
    with translated(repository):
        info = HfApi(token=token(), library_name="timbre").model_info(
            repository.name, revision=repository.revision, files_metadata=True, timeout=_TIMEOUT
        )
    files = {each.rfilename: _file(each) for each in info.siblings or [] if is_wanted(each.rfilename)}
    if "config.json" not in files or not _weights(files):
        raise InvalidInput(f"{repository} holds no config.json with weights in safetensors", "REPOSITORY")
    return Listing(repository.name, repository.revision, str(info.sha), files)


@contextmanager
def translated(repository: Repository) -> Iterator[None]:
    """Turn the errors of huggingface_hub and of the network below into ours."""
    try:
        yield
    except OfflineModeIsEnabled as error:
        raise SetupError(f"{repository} is not there whole, and HF_HUB_OFFLINE keeps it from the Hub") from error
    except HfHubHTTPError as error:
        raise _refused(repository, error) from error
    except httpx2.HTTPError as error:
        raise Transient(f"{constants.ENDPOINT} cannot be reached: {_reason(error)}") from error
    except HFValidationError as error:
        raise _malformed(str(repository)) from error
    except OSError as error:
        if error.errno is not None:
            raise
        # http_get's own word for content of another length than was listed.
        raise Transient(f"a file of {repository} came damaged: pull it again") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(f"{constants.ENDPOINT} does not answer as a Hub does: is HF_ENDPOINT right?") from error


def _refused(repository: Repository, error: HfHubHTTPError) -> TimbreError:
    status = error.response.status_code
    sent = f"the token in {ENV_TOKEN}" if token() else f"no token: {ENV_TOKEN} is not set"
    if isinstance(error, GatedRepoError):
        page = f"{constants.ENDPOINT}/{repository.name}"
        return Unauthorized(f"{repository.name} is gated: accept its terms at {page} (sent: {sent})")
    if isinstance(error, RevisionNotFoundError):
        return InvalidInput(f"{repository.name} has no revision {repository.revision}", "REPOSITORY")
    if isinstance(error, RepositoryNotFoundError):
        return InvalidInput(f"there is no {repository.name}, or it is private (sent: {sent})", "REPOSITORY")
    if status in (401, 403):
        return Unauthorized(f"the Hub refuses {repository.name} ({status}; sent: {sent})")
    if status == 429 or status >= 500:
        return Transient(f"{constants.ENDPOINT} answers {status}: try again later")
    return SetupError(f"{constants.ENDPOINT} answers {status} for {repository}")


def _malformed(text: str) -> InvalidInput:
    return InvalidInput(f"organisation/name or organisation/name@revision is right, not {text!r}", "REPOSITORY")


def _reason(error: httpx2.HTTPError) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _file(sibling: Any) -> RemoteFile:
    if sibling.lfs is not None:
        return RemoteFile(sibling.lfs.size, f"sha256:{sibling.lfs.sha256}")
    if sibling.size is None or sibling.blob_id is None:
        raise SetupError(f"{constants.ENDPOINT} does not tell size and sum of {sibling.rfilename}")
    return RemoteFile(sibling.size, f"git:{sibling.blob_id}")


def _weights(names: Iterable[str]) -> bool:
    return any("/" not in name and name.endswith(".safetensors") for name in names)
