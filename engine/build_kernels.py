"""Compiles the engine's C kernels, for a wheel or an editable install, where there is a compiler."""

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.wheel import WheelBuilderConfig

KERNELS: Final = "engine/timbre_engine/kernels"
SOURCES: Final = [f"{KERNELS}/{name}.c" for name in ("predictor", "codec", "talker", "team")]
LIBRARY: Final = f"{KERNELS}/_kernels.so"
_FLAGS: Final = shlex.split(
    "-std=c11 -O3 -ffp-contract=fast -mavx2 -mfma -mf16c -fPIC -shared -fvisibility=hidden -Wall -Wextra"
)


class KernelHook(BuildHookInterface[WheelBuilderConfig]):
    """Hatchling's: called before each wheel is packed. It never fails: installing needs no compiler."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 -- Hatchling's signature
        """Compile; with the library the wheel is one for this platform, and without it for all."""
        if reason := compile_kernel(Path(self.root)):
            self.app.display_warning(
                f"no compiled kernels, so llama.cpp and ONNX Runtime compute everything, slower: {reason}"
            )
            return
        build_data["artifacts"].append(LIBRARY)
        build_data["pure_python"] = False
        # Called through ctypes, so that any Python can.
        build_data["tag"] = "py3-none-linux_x86_64"


def compile_kernel(root: Path) -> str:
    """Compile SOURCES to LIBRARY, by $CC or the first compiler on PATH. Returns why it is not there, or ""."""
    try:
        # Also where none can be compiled: it may be of another source.
        (root / LIBRARY).unlink(missing_ok=True)
        if sysconfig.get_platform() != "linux-x86_64":
            return f"they are written for linux-x86_64, and this is {sysconfig.get_platform()}"
        found = [each for each in ("cc", "gcc", "clang") if shutil.which(each)]
        compiler = shlex.split(os.environ.get("CC", "")) or found[:1]
        if not compiler:
            return "there is no C compiler"
        command = [*compiler, *_FLAGS, *SOURCES, "-o", LIBRARY, "-lm"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)  # noqa: S603
    except (OSError, ValueError) as error:
        return str(error)
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return f"{compiler[0]} failed: {said[0] if said else done.returncode}"
    return ""
