"""What the prebuilt library needs of an x86-64 processor: on one without it the process would end by SIGILL."""

import platform
import re
from pathlib import Path
from typing import Final

from timbre_common.errors import SetupError

NEEDED: Final = ("avx2", "bmi2", "f16c", "fma")
"""As /proc/cpuinfo spells them: Intel's since Haswell (2013), AMD's since Excavator (2015)."""


def missing(cpuinfo: str) -> list[str]:
    """Those that the first processor of a /proc/cpuinfo lacks; none where it does not say."""
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    return [] if flags is None else [each for each in NEEDED if each not in flags[1].split()]


def check(machine: str = platform.machine(), cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """Raises SetupError where this machine's processor is too old."""
    if machine != "x86_64" or not cpuinfo.exists():
        return
    lacking = missing(cpuinfo.read_text(encoding="utf-8", errors="replace"))
    if lacking:
        raise SetupError(
            f"this processor lacks {', '.join(lacking)}, which the prebuilt llama.cpp library needs: "
            "build the library for it (make native) and choose it by --llama-library native"
        )
