"""Settings are dataclasses that the command line fills; environment variables of the same prefix are checked here."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from timbre_common.errors import InvalidInput


def refuse_unknown_environment(
    environ: Mapping[str, str], prefix: str, settings: type[Any], also: tuple[str, ...] = ()
) -> None:
    """Raises InvalidInput for a variable that begins with `prefix` but names no field of `settings`."""
    known = {prefix + field.name.upper() for field in dataclasses.fields(settings)} | set(also)
    for name in environ:
        if name.startswith(prefix) and name not in known:
            raise InvalidInput(f"not a known variable; known are {', '.join(sorted(known))}", name)
