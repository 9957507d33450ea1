"""Messages over a pipe between the engine and a worker process: msgpack after its length (u32, little-endian)."""

from collections.abc import Callable
from struct import Struct
from typing import Final

import msgspec

LENGTH: Final = Struct("<I")


def encode(message: msgspec.Struct) -> bytes:
    """A message in msgpack, with its length before it."""
    body = msgspec.msgpack.encode(message)
    return LENGTH.pack(len(body)) + body


def read(read_exactly: Callable[[int], bytes]) -> bytes | None:
    """The next body by a blocking reader; None at the end of the pipe."""
    head = read_exactly(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    body = read_exactly(length)
    return body if len(body) == length else None
