"""Worker processes, and the messages between them and the engine: msgpack after its length (u32, little-endian)."""

import asyncio
import os
import sys
from collections.abc import Callable
from struct import Struct
from typing import Final

import msgspec

from timbre_common import names
from timbre_common.errors import SetupError

LENGTH: Final = Struct("<I")
_READ_AHEAD: Final = 64 << 10


async def start(module: str, *arguments: str, read_ahead: int = _READ_AHEAD) -> asyncio.subprocess.Process:
    """Run a module as a process with pipes to and from it, which knows no secret of the engine's.

    read_ahead: bytes of its messages; asyncio pauses at twice this, and the process waits then.
    Raises SetupError where the system starts no process, such as for want of memory.
    """
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            module,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=read_ahead,
            env={name: value for name, value in os.environ.items() if name != names.ENV_ADMIN_TOKEN},
        )
    except OSError as error:
        raise SetupError(f"no process can be started: {error.strerror or error}") from error


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
