"""`timbre-loras verify`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from timbre_common.errors import InvalidInput
from timbre_loras import adapter_gguf, checks
from timbre_loras import base as bases
from timbre_loras.table import printable

_WORDS = {True: "ok", False: "FAILED", None: "left out"}


def verify(
    file: Path,
    *,
    base: Annotated[Path, Parameter(help="Directory of the model that it speaks with (timbre-engine convert).")],
    peft: Annotated[Path | None, Parameter(help="PEFT's directory that it was exported from.")] = None,
) -> None:
    """Check that an adapter FILE fits its base, holds PEFT's numbers, and does in llama.cpp what its scale says.

    The last needs the extra qwen3tts; without it that part is left out, and the answer says so.
    """
    failed = []
    for outcome in checks.run(adapter_gguf.read(file), bases.read(base), base, peft):
        if outcome.passed is False:
            failed.append(outcome.name)
        sys.stdout.write(f"{_WORDS[outcome.passed]:<8}  {outcome.name:<15}  {printable(outcome.told)}\n")
    if failed:
        raise InvalidInput(f"did not pass: {', '.join(failed)}", str(file))
