"""The folder that a comparison is written to: sounds and pictures, voice by voice, then numbers and page."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from timbre_loras import atomic
from timbre_loras.comparison.page import Clip
from timbre_loras.comparison.report import Report

PAGE: Final = "index.html"
_REPORT: Final = "report.json"


def write_clips(output: Path, clips: Mapping[str, Sequence[Clip]]) -> dict[str, list[Path]]:
    """Write sounds and pictures; each voice's sounds, a line each. Raises SetupError."""
    files: dict[str, list[Path]] = {}
    for number, (voice, spoken) in enumerate(clips.items(), 1):
        # A blend's name has signs that file names better do without.
        folder = output / f"{number:02}-{re.sub(r'[^A-Za-z0-9.-]+', '_', voice).strip('._')}"
        atomic.make_folder(folder)
        files[voice] = [folder / f"{line:03}.wav" for line in range(1, len(spoken) + 1)]
        for path, clip in zip(files[voice], spoken, strict=True):
            atomic.write(path, clip.wav)
            atomic.write(path.with_suffix(".png"), clip.picture)
    return files


def write_report(output: Path, report: Report, page: str) -> None:
    """Write numbers and page. Raises SetupError."""
    atomic.write(output / _REPORT, msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    atomic.write(output / PAGE, page.encode())
