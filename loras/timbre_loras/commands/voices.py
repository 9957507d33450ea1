"""`timbre-loras voices`."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import yaml
from cyclopts import Parameter

from timbre_common import voiceprofile
from timbre_common.errors import InvalidInput, SetupError
from timbre_loras import atomic, chain, character
from timbre_loras.chain import Places, Programs, Step
from timbre_loras.character import Character


def voices(
    base: Annotated[Path, Parameter(help="The checkpoint to train for, as the Hub has it: of the kind base.")],
    recordings: Annotated[Path, Parameter(help="A folder for each character: RECORDINGS/lisa/lisa-001.wav.")],
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"], help="Folder for all that is made.")],
    characters: Annotated[Path, Parameter(help="The characters' folders.")] = Path("loras"),
    only: Annotated[str, Parameter(help="Some of them, with commas between (default: all).")] = "",
    publish: Annotated[str, Parameter(help="Where `publish` puts them (default: adapters in the model made).")] = "",
    quant: Annotated[str, Parameter(help="How the base is converted for the engine.")] = "Q4_K_M",
    trainer: Annotated[
        Path | None, Parameter(help="The timbre-loras of an environment with the extra `train` (default: this one).")
    ] = None,
    dry_run: Annotated[bool, Parameter(help="Print the commands and run none.", negative=())] = False,
) -> None:
    """Make the characters' voices of recordings: prepare, train, export, verify, publish, and a VoiceProfile each.

    What was made before is kept; delete it to make it again.
    """
    places = Places(base, recordings, output, characters, publish or str(output / "model" / "adapters"))
    programs = Programs() if trainer is None else Programs(trainer=trainer)
    chosen = [character.read_character(folder) for folder in _folders(characters, only)]
    chain.missing(places, [who.agent for who in chosen])
    converting = chain.convert(places, quant, programs)
    if dry_run:
        _print([converting, *(step for who in chosen for step in _all(who, places, programs))])
        return
    chain.run([converting], _tell)
    if not publish:
        atomic.make_folder(Path(places.publish))  # `publish` makes none: a volume that is not mounted is no target
    for who in chosen:
        *making, publishing = _all(who, places, programs)
        chain.run(making, _tell)
        _tell(publishing.does)
        _write_profile(who, places, chain.output_of(publishing))


def _all(who: Character, places: Places, programs: Programs) -> list[Step]:
    training = character.read_training(places.characters / who.agent)
    return [*chain.steps(who, training, places, programs), chain.publishing(who, places, programs)]


def _folders(characters: Path, only: str) -> list[Path]:
    if only:
        return [characters / name.strip() for name in only.split(",")]
    found = sorted(path.parent for path in characters.glob(f"*/{character.CHARACTER}"))
    if not found:
        raise SetupError(f"{characters} has no folder with a {character.CHARACTER}: --characters names another")
    return found


def _write_profile(who: Character, places: Places, published: str) -> None:
    own = places.characters / who.agent / character.PROFILE
    target = places.output / who.agent / character.PROFILE
    try:
        profile = chain.profile(voiceprofile.parse(own.read_text(encoding="utf-8")), published)
        plain = msgspec.to_builtins(profile)
        del plain["status"]
        atomic.write(target, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode())
    except OSError as error:
        raise SetupError(f"{own} cannot be read: {error.strerror}") from error
    except InvalidInput as error:
        raise InvalidInput(str(error), str(own)) from error
    _tell(f"{who.agent}: {target}")


def _print(steps: list[Step]) -> None:
    sys.stdout.write("".join(f"{shlex.join(step.command)}\n" for step in steps))


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
