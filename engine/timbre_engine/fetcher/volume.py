"""The adapters volume: fetched files below `sha256/`, each there whole or not at all. Blocking; for threads.

Several fetchers may share it. A file under way is also its own lock (flock), so a file is written by one of them, and
whoever dies lets go. Who needs a file says so by its access time, and a file that nobody has needed for the grace is
removed by whoever comes first. The modification time stays: the engine tells by it whether a file was exchanged.
"""

import hashlib
import os
import re
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Final

from timbre_common.adapter_header import Beside
from timbre_engine.fetcher import partial, second
from timbre_engine.fetcher.partial import Budget, Partial

FOLDER: Final = "sha256"
_NAME: Final = re.compile(r"[0-9a-f]{64}\.(gguf|safetensors)")
_PARTIAL: Final = re.compile(rf"\.{_NAME.pattern}\.partial")

Stamp = tuple[int, int, int]


class Volume:
    """Names are those of files below `sha256/`: 64 hexadecimal digits and a suffix. Links are not followed."""

    def __init__(self, root: Path, most_bytes: int = 0) -> None:
        """most_bytes: of all files together; 0: as many as the disk holds."""
        self._root = root
        self._budget = Budget(most_bytes)
        self._right: dict[str, Stamp] = {}
        """Files whose content was compared with their name: that is done once."""
        self._seconds: dict[str, tuple[Stamp, Beside | None]] = {}
        """What headers tell of second files: each is read once."""

    def holds(self, name: str) -> bool:
        """Whether the file is there and is what its name says; it is needed from now on. Raises VolumeUnusable."""
        with self._folder() as folder:
            status = _status(folder, name)
            if status is None:
                self._right.pop(name, None)
                return False
            if self._right.get(name) != _stamp(status):
                if _digest(folder, name) != name.partition(".")[0]:
                    return False
                self._right[name] = _stamp(status)
            _need(folder, name, status)
        return True

    def second(self, name: str) -> Beside | None:
        """The second file that an adapter names; None where it names none, or is not there. Raises VolumeUnusable."""
        with self._folder() as folder:
            return self._second(folder, name)

    def begin(self, name: str) -> Partial | None:
        """The file to be written, for one fetcher at a time; None while another writes it. Raises VolumeUnusable.

        What an interrupted fetcher left of it is dropped.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no fetched file's name")
        with self._folder() as folder:
            descriptor = partial.lock(folder, partial.partial_name(name))
            if descriptor is None:
                return None
            try:
                os.ftruncate(descriptor, 0)
                self._budget.measured(_used(folder))
                return Partial(os.dup(folder), descriptor, name, self._budget)
            except BaseException:
                os.close(descriptor)
                raise

    def sweep(self, needed: Collection[str], grace: float) -> int:
        """Say that files are needed, and the second ones that they name, and remove those that nobody has needed for
        `grace` seconds; how many went.

        Raises VolumeUnusable.
        """
        removed = 0
        with self._folder() as folder:
            seconds = {found.fetched for name in needed if (found := self._second(folder, name)) is not None}
            needed = seconds.union(needed)
            for name in _names(folder):
                status = _status(folder, name)
                if status is None:
                    continue
                if name in needed:
                    _need(folder, name, status)
                elif time.time() - max(status.st_atime, status.st_mtime) > grace:
                    removed += _remove(folder, name)
            self._budget.measured(_used(folder))
            for gone in {*self._right, *self._seconds}.difference(_names(folder)):
                self._right.pop(gone, None)
                self._seconds.pop(gone, None)
        return removed

    def used(self) -> int:
        """Bytes of all files, those under way included. Raises VolumeUnusable."""
        with self._folder() as folder:
            return _used(folder)

    def _second(self, folder: int, name: str) -> Beside | None:
        status = _status(folder, name)
        if status is None:
            self._seconds.pop(name, None)
            return None
        stamp, found = self._seconds.get(name, (None, None))
        if stamp != _stamp(status):
            with _opened(folder, name) as file:
                found = second.named_by(file, status.st_size)
            self._seconds[name] = _stamp(status), found
        return found

    @contextmanager
    def _folder(self) -> Iterator[int]:
        """A descriptor of `sha256/`, made where it is not there. What goes wrong meanwhile is VolumeUnusable."""
        with partial.told():
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            root = os.open(self._root, flags)
            try:
                with suppress(FileExistsError):
                    os.mkdir(FOLDER, 0o755, dir_fd=root)
                folder = os.open(FOLDER, flags | os.O_NOFOLLOW, dir_fd=root)
            finally:
                os.close(root)
            try:
                yield folder
            finally:
                os.close(folder)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _status(folder: int, name: str) -> os.stat_result | None:
    """Of a file of ours, whole or under way; None where there is none, or something else has its name."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    known = _NAME.fullmatch(name) or _PARTIAL.fullmatch(name)
    return status if known and stat.S_ISREG(status.st_mode) else None


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _digest(folder: int, name: str) -> str:
    with _opened(folder, name) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(folder: int, name: str) -> BufferedReader:
    return os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder), "rb")


def _need(folder: int, name: str, status: os.stat_result) -> None:
    with suppress(FileNotFoundError, PermissionError):  # another user's file is kept by that user's fetcher
        os.utime(name, ns=(time.time_ns(), status.st_mtime_ns), dir_fd=folder, follow_symlinks=False)


def _remove(folder: int, name: str) -> bool:
    """Whether a file was removed; one under way is not while somebody writes it."""
    if not _PARTIAL.fullmatch(name):
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        return True
    descriptor = partial.lock(folder, name)
    if descriptor is None:
        return False
    try:
        os.unlink(name, dir_fd=folder)
    finally:
        os.close(descriptor)
    return True


def _used(folder: int) -> int:
    found = (_status(folder, name) for name in _names(folder))
    return sum(status.st_size for status in found if status is not None)
