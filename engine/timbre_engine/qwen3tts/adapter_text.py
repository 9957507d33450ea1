"""What an adapter's file says of itself. Without numpy: the HTTP process asks it."""

from pathlib import Path

from timbre_common import gguf_header
from timbre_common.errors import InvalidInput


def unchecked_text(path: Path) -> dict[str, str]:
    """The texts in the metadata of a file that nobody has looked at; none where it is no adapter."""
    try:
        with path.open("rb") as file:
            header = gguf_header.parse(file.read(gguf_header.MAX_BYTES), path.stat().st_size)
    except (OSError, InvalidInput):
        return {}
    return {key: value.content for key, value in header.metadata.items() if isinstance(value.content, str)}
