"""What `timbre-loras verify` looks at: each check says what it found, or raises InvalidInput with what is wrong."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from timbre_common import adapters, gguf_header
from timbre_common.errors import InvalidInput, SetupError
from timbre_loras import adapter_gguf, engine_trial, peft_adapter
from timbre_loras.adapter_gguf import AdapterGguf
from timbre_loras.base import Base
from timbre_loras.peft_adapter import Pair

_TOLERANCE: Final = {gguf_header.F32: 1e-6, gguf_header.F16: 2e-3}
"""How far what a pair adds may be from PEFT's, relative to it (norms), by how it is stored."""


class Outcome(NamedTuple):
    """Of one check."""

    name: str
    passed: bool | None
    """None: it was left out."""
    told: str


def run(file: AdapterGguf, base: Base, model_dir: Path, peft_dir: Path | None) -> Iterator[Outcome]:
    """Every check in turn; the engine's library sees the file only where all before it passed."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("kind", lambda: f"a LoRA adapter, alpha {file.alpha:g}"),
        ("base", lambda: _base(file, base)),
        ("shapes, numbers", lambda: _pairs(file, base)),
        ("voice", lambda: _voice(file, base)),
    ]
    if adapters.KEY_PREDICTOR_FILE in file.header.metadata:
        checks.append(("predictor", lambda: _predictor(file, base)))
    if peft_dir is not None:
        checks.append(("PEFT", lambda: _as_in_peft(file, base, peft_dir)))
    failed = False
    for name, check in checks:
        outcome = _outcome(name, check)
        failed = failed or not outcome.passed
        yield outcome
    missing = engine_trial.missing()
    if failed or missing:
        why = "it is not given a file that did not pass" if failed else f"{missing[0]} is missing: the extra qwen3tts"
        yield Outcome("engine", None, why)
    else:
        yield _outcome("engine", lambda: engine_trial.effect(model_dir, file.path).judge())


def _outcome(name: str, check: Callable[[], str]) -> Outcome:
    try:
        return Outcome(name, True, check())
    except (InvalidInput, SetupError) as error:
        return Outcome(name, False, str(error))


def _base(file: AdapterGguf, base: Base) -> str:
    if file.base_digest != base.digest:
        raise InvalidInput(f"it was made for {file.base_digest}, and {base.name} is {base.digest}")
    return f"{base.name} ({base.kind})"


def _pairs(file: AdapterGguf, base: Base) -> str:
    return _counted(file, base.talker)


def _counted(file: AdapterGguf, sizes: adapters.Sizes) -> str:
    return f"{len(file.pairs(sizes))} weights adapted, rank {', '.join(map(str, file.ranks)) or 0}, all finite"


def _predictor(file: AdapterGguf, base: Base) -> str:
    """Everything of the second file."""
    second = file.predictor()
    assert second is not None
    _base(second, base)
    return f"{second.path.name}: alpha {second.alpha:g}, {_counted(second, base.predictor)}"


def _voice(file: AdapterGguf, base: Base) -> str:
    speaker, language, vector = file.text(adapters.KEY_SPEAKER), file.text(adapters.KEY_LANGUAGE), file.x_vector
    if vector is not None and vector.shape != (base.talker.hidden,):
        raise InvalidInput(f"{base.talker.hidden} numbers fit the base, not {len(vector)}", adapters.KEY_X_VECTOR)
    if vector is not None and not np.isfinite(vector).all():
        raise InvalidInput("it holds numbers that are not finite", adapters.KEY_X_VECTOR)
    if speaker and speaker not in base.speakers:
        raise InvalidInput(f"{base.name} has no speaker {speaker}", adapters.KEY_SPEAKER)
    if language and language not in base.languages:
        raise InvalidInput(f"{base.name} has no language {language}", adapters.KEY_LANGUAGE)
    return f"speaker {speaker or ('an x-vector' if vector is not None else 'none')}, language {language or 'any'}"


def _as_in_peft(file: AdapterGguf, base: Base, peft_dir: Path) -> str:
    original = peft_adapter.read(peft_dir, base)
    second = file.predictor()
    mine = _by_name(file.pairs(), second.pairs() if second else [])
    theirs = _by_name(original.talker, original.predictor)
    if mine.keys() != theirs.keys():
        raise InvalidInput("one of the two does not adapt it", min(mine.keys() ^ theirs.keys()))
    tensors = [*file.header.tensors, *(second.header.tensors if second else [])]
    tolerance = max(_TOLERANCE[tensor.kind] for tensor in tensors)
    worst = 0.0
    for name in mine:
        error = _error(mine[name], theirs[name])
        if error > tolerance:
            raise InvalidInput(f"it is {error:.1e} off PEFT's, over {tolerance:g}", name)
        worst = max(worst, error)
    if original.digest != file.text(adapters.KEY_SOURCE_DIGEST):
        raise InvalidInput(f"{peft_dir} is {original.digest}: not the files it was made of", adapters.KEY_SOURCE_DIGEST)
    return f"what it adds to a weight is PEFT's within {worst:.1e}"


def _by_name(talker: Iterable[Pair], predictor: Iterable[Pair]) -> dict[str, Pair]:
    parts = (("", talker), ("predictor ", predictor))
    return {f"{part}blk.{pair.layer}.{pair.target}.weight": pair for part, pairs in parts for pair in pairs}


def _error(mine: Pair, theirs: Pair) -> float:
    expected = adapter_gguf.delta(theirs)
    difference = float(np.linalg.norm(adapter_gguf.delta(mine) - expected))
    return difference / size if (size := float(np.linalg.norm(expected))) else difference
