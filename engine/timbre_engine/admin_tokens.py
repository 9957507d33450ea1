"""The administration's tokens: any of several is right, so that one can be changed without a gap."""

import hmac
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from timbre_common.errors import SetupError

_log = logging.getLogger(__name__)

_MAX_BYTES: Final = 64 << 10


class AdminTokens:
    """Tokens that were given, or the lines of a file, which is read again when it changes."""

    def __init__(self, tokens: Sequence[str], path: Path | None = None) -> None:
        self._tokens = [token.encode() for token in tokens]
        self._path = path
        self._stamp: tuple[int, ...] = ()

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """One token a line. Raises SetupError where there is none."""
        tokens = cls((), path)
        try:
            tokens._stamp, tokens._tokens = _stamp(path), _read(path)
        except OSError as error:
            raise SetupError(f"cannot read the administration's tokens in {path}: {error.strerror}") from error
        if not tokens._tokens:
            raise SetupError(f"the administration wants a token: {path} is empty")
        return tokens

    def allow(self, token: str) -> bool:
        """Whether it is one of them."""
        self._follow()
        given = token.encode()
        return any(hmac.compare_digest(given, known) for known in self._tokens)

    def newest(self) -> str:
        """The first of them, for whoever asks with them. A file's newest line is its first."""
        self._follow()
        return self._tokens[0].decode()

    def _follow(self) -> None:
        """Where a changed file cannot be read, or is empty, what was read before stays right."""
        if self._path is None:
            return
        try:
            stamp = _stamp(self._path)
            if stamp == self._stamp:
                return
            tokens = _read(self._path)
        except OSError as error:
            _log.warning("the administration's tokens cannot be read again: %s", error.strerror)
            return
        self._stamp = stamp
        if tokens:
            self._tokens = tokens
            _log.info("the administration's tokens were read again: %d", len(tokens))
        else:
            _log.warning("the administration's tokens are gone from their file: those before stay right")


def _stamp(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [line.strip() for line in file.read(_MAX_BYTES).splitlines() if line.strip()]
