"""A file under way, which is also its own lock. Blocking; for threads."""

import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from timbre_common.errors import DigestMismatch, VolumeFull, VolumeUnusable


class Budget:
    """Bytes that fetched files may take together; `most` of 0: as many as the disk holds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._lock = threading.Lock()

    def measured(self, taken: int) -> None:
        """What they take, as it was found."""
        with self._lock:
            self._taken = taken

    def take(self, size: int) -> None:
        """Raises VolumeFull."""
        with self._lock:
            if self._most and self._taken + size > self._most:
                raise VolumeFull(f"the fetched files would take more than the {self._most} bytes that they may")
            self._taken += size


class Partial:
    """The only writer of a file. Give it back with `close`, from any thread: what was not kept is gone then."""

    def __init__(self, folder: int, descriptor: int, name: str, budget: Budget) -> None:
        """Owns both descriptors, of `sha256/` and of the locked file in it."""
        self._folder = folder
        self._descriptor = descriptor
        self._name = name
        self._budget = budget
        self._digest = hashlib.sha256()
        self._written = 0
        self._lock = threading.Lock()
        self._open = True

    def write(self, data: bytes) -> None:
        """More of its content. Raises VolumeFull, VolumeUnusable."""
        with self._lock, told():
            if not self._open:
                raise VolumeUnusable("the file was given up")
            self._budget.take(len(data))
            self._written += len(data)
            self._digest.update(data)
            left = memoryview(data)
            while left:
                left = left[os.write(self._descriptor, left) :]

    def keep(self) -> None:
        """The file is whole and appears under its name, on the disk. Raises DigestMismatch, VolumeUnusable."""
        found = self._digest.hexdigest()
        if found != self._name.partition(".")[0]:
            raise DigestMismatch(f"the source's file is sha256:{found}, with {self._written} bytes")
        with self._lock, told():
            if not self._open:
                raise VolumeUnusable("the file was given up")
            os.fsync(self._descriptor)
            os.rename(partial_name(self._name), self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
            self._written = 0
            self._close()

    def close(self) -> None:
        """Give up what was not kept. May be called again."""
        with self._lock:
            if self._open:
                with suppress(OSError):
                    os.unlink(partial_name(self._name), dir_fd=self._folder)
                self._close()

    def _close(self) -> None:
        self._open = False
        self._budget.take(-self._written)
        os.close(self._descriptor)
        os.close(self._folder)


def partial_name(name: str) -> str:
    """What a file is called while it is under way."""
    return f".{name}.partial"


def lock(folder: int, name: str) -> int | None:
    """A descriptor of a file, made where it is not there, that is locked; None where another holds it.

    It is another's, too, where it got another name or went between the opening and the lock.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o644, dir_fd=folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == os.stat(name, dir_fd=folder, follow_symlinks=False).st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


@contextmanager
def told() -> Iterator[None]:
    """The system's errors as VolumeFull or VolumeUnusable."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise VolumeFull("the adapters volume is full") from error
        if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise VolumeUnusable("the adapters volume cannot lock files, so it cannot be shared") from error
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise VolumeUnusable("a link or a file lies where the adapters volume has its folder") from error
        raise VolumeUnusable(f"the adapters volume cannot be used: {error.strerror or error}") from error
