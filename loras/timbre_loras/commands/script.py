"""`timbre-loras script`."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from timbre_loras import atomic, chain, character
from timbre_loras.character import BREATH, Breath, Line


def script(
    folder: Annotated[Path, Parameter(name="CHARACTER", help="A character's folder, such as loras/lisa.")],
    *,
    recordings: Annotated[
        Path | None, Parameter(help="Write the transcript beside each recording there, where it has none yet.")
    ] = None,
) -> None:
    """Print what is recorded for a character, emotion by emotion, with its direction."""
    who = character.read_character(folder)
    lines = character.read_script(folder).lines
    if recordings is not None:
        _write(lines, recordings)
        return
    told = [f"{who.name}. {who.who}", who.impression, who.pace]
    emotion = ""
    for line in lines:
        if line.emotion != emotion:
            emotion = line.emotion
            told += ["", f"{emotion}: {who.emotions[emotion]}"]
        told.append(f"  {line.id}  {_direction(line):<20}  {line.text.replace(BREATH, '‖')}")
    sys.stdout.write("\n".join(told) + "\n")


def _direction(line: Line) -> str:
    return str(line.pace) if line.breath is Breath.FREE else f"{line.pace}, {line.breath}"


def _write(lines: list[Line], recordings: Path) -> None:
    texts = {line.id: line.transcript for line in lines}
    written, unknown = [], []
    for sound in chain.sounds(recordings):
        if sound.stem not in texts:
            unknown.append(sound.name)
            continue
        written.append(sound.stem)
        beside = sound.with_suffix(".txt")
        if not beside.exists():
            atomic.write(beside, f"{texts[sound.stem]}\n".encode())
    without = [name for name in texts if name not in written]
    sys.stdout.write(f"{recordings}: {len(written)} of {len(texts)} lines are recorded\n")
    for told, names in (("not recorded", without), ("of no line", unknown)):
        if names:
            sys.stdout.write(f"{told}: {', '.join(names)}\n")
