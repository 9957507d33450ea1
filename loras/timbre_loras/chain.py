"""From recordings to voices: which commands make them, in which order. Running them is at the end."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from timbre_common import names, voiceprofile
from timbre_common.errors import InvalidInput, SetupError
from timbre_common.voiceprofile import VoiceProfile
from timbre_loras.character import Character, Training

SOUNDS: Final = (".wav", ".flac")
_CHECKPOINT: Final = "config.json"
_BESIDE: Final = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Programs:
    """What the commands are run with. Training wants an environment of its own, so it may be another installation."""

    loras: Path = _BESIDE / "timbre-loras"
    trainer: Path = _BESIDE / "timbre-loras"
    engine: Path = _BESIDE / "timbre-engine"


@dataclass(frozen=True, slots=True)
class Step:
    """One command."""

    does: str
    """For the person who waits: "lisa: train"."""
    command: tuple[str, ...]
    makes: Path | None = None
    """What is there once it has been done; then it is passed over."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything lies."""

    base: Path
    """The checkpoint that the voices are trained for, as the Hub has it."""
    recordings: Path
    """A folder of recordings for each character, by its agent."""
    output: Path
    characters: Path
    """Folders of characters: loras."""
    publish: str
    """What `timbre-loras publish` is told."""

    @property
    def model(self) -> Path:
        """The base as the engine takes it."""
        return self.output / "model"


def convert(places: Places, quant: str, programs: Programs) -> Step:
    """The base, made ready for the engine."""
    command = (str(programs.engine), "convert", str(places.base), str(places.model), "--quant", quant)
    return Step(f"convert the base to {quant}", command, places.model / names.MODEL_FILE)


def steps(who: Character, training: Training, places: Places, programs: Programs) -> list[Step]:
    """One character's, from recordings to a file that was verified. Publishing it comes last, apart."""
    agent, folder, base = who.agent, places.output / who.agent, str(places.model)
    dataset, peft, file = folder / "dataset", folder / "peft", folder / f"{who.adapter}.gguf"
    recordings = places.recordings / agent
    hearing = {"base": str(places.base), "language": training.language}
    lesson = {
        "rank": training.rank,
        "targets": ",".join(training.targets),
        "layout": training.text_layout,
        "language": training.language,
        **training.options,
    }
    about = {
        "name": who.adapter,
        "agent": agent,
        "language": training.language,
        "text-layout": training.text_layout,
        "licence": training.licence,
    }
    loras, trainer = str(programs.loras), str(programs.trainer)
    return [
        Step(
            f"{agent}: transcripts of the recordings that have none",
            (loras, "script", str(places.characters / agent), "--recordings", str(recordings)),
        ),
        Step(
            f"{agent}: prepare the recordings",
            (trainer, "prepare", str(recordings), "-o", str(dataset), *_flags(hearing)),
            dataset / "lines.jsonl",
        ),
        Step(
            f"{agent}: train",
            (trainer, "train", str(dataset), "--base", str(places.base), *_flags(lesson), "-o", str(peft)),
            peft / "adapter_model.safetensors",
        ),
        Step(
            f"{agent}: export",
            (loras, "export", str(peft), "-o", str(file), "--base", base, *_flags(about)),
            file,
        ),
        Step(f"{agent}: verify", (loras, "verify", str(file), "--base", base, "--peft", str(peft))),
    ]


def publishing(who: Character, places: Places, programs: Programs) -> Step:
    """Put the file where engines find it; it prints the VoiceProfile that names it."""
    file = places.output / who.agent / f"{who.adapter}.gguf"
    return Step(f"{who.agent}: publish", (str(programs.loras), "publish", str(file), places.publish))


def missing(places: Places, agents: Iterable[str]) -> None:
    """Raises SetupError that says what is not there and how to get it."""
    if not (places.base / _CHECKPOINT).is_file():
        raise SetupError(
            f"BASE={places.base} is no checkpoint: get one with "
            "`timbre-engine pull Qwen/Qwen3-TTS-12Hz-0.6B-Base checkpoint`, then BASE=checkpoint"
        )
    without = [agent for agent in agents if not sounds(places.recordings / agent)]
    if without:
        raise SetupError(
            f"RECORDINGS={places.recordings}: no WAV or FLAC files in {', '.join(without)}; docs/voices.md says how "
            "to record, and --only NAME makes the voices of some"
        )


def sounds(folder: Path) -> list[Path]:
    """The recordings in a folder, by name; none where there is no folder."""
    return sorted(path for path in folder.glob("*") if path.suffix.lower() in SOUNDS and path.is_file())


def profile(own: VoiceProfile, published: str) -> VoiceProfile:
    """The character's profile with the adapter that `publish` printed a profile for, in the stand-in's place.

    Raises InvalidInput where what was printed is none.
    """
    adapter = voiceprofile.parse(published).spec.adapter
    if adapter is None:
        raise InvalidInput("the profile that `publish` prints names the adapter", "spec.adapter")
    spec = msgspec.structs.replace(own.spec, speaker=None, adapter=adapter)
    return msgspec.structs.replace(own, spec=spec)


def run(todo: Iterable[Step], tell: Callable[[str], None]) -> None:
    """Run each that was not done yet. Raises SetupError for the first that fails."""
    for step in todo:
        if step.makes is not None and step.makes.exists():
            tell(f"{step.does}: done before ({step.makes})")
            continue
        tell(step.does)
        _run(step, None)


def output_of(step: Step) -> str:
    """Run it; what it printed. Raises SetupError where it fails."""
    return _run(step, subprocess.PIPE)


def _run(step: Step, stdout: int | None) -> str:
    try:
        with subprocess.Popen(step.command, stdout=stdout, text=True) as running:  # noqa: S603 -- our own commands
            try:
                told, _ = running.communicate()
            except BaseException:
                running.terminate()  # not killed: it takes away what it has half written
                raise
    except OSError as error:
        raise SetupError(f"{step.does}: {step.command[0]} cannot be run: {error.strerror}") from error
    if running.returncode:
        raise SetupError(f"{step.does}: `{' '.join(step.command[:2])}` ended with status {running.returncode}")
    return told or ""


def _flags(options: Mapping[str, int | float | str]) -> list[str]:
    return [part for name, value in options.items() if value != "" for part in (f"--{name}", str(value))]
