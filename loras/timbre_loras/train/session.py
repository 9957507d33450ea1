"""From a dataset and a base to PEFT's directory."""

import dataclasses
import hashlib
import sys
from pathlib import Path

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from timbre_common import adapters
from timbre_common.errors import InvalidInput
from timbre_loras import atomic, trained, x_vector
from timbre_loras.train import base_config, checkpoint, curve, dataset, layout, schedule
from timbre_loras.train.base_config import AUTO, BaseConfig
from timbre_loras.train.dataset import Example
from timbre_loras.train.layout import Prompt
from timbre_loras.train.loop import Run
from timbre_loras.train.model import Model
from timbre_loras.train.objective import Item
from timbre_loras.train.settings import Settings
from timbre_loras.trained import Layout, Trained


def train(
    folder: Path, base: Path, output: Path, settings: Settings, *, resume: bool = False, stop_at: int | None = None
) -> None:
    """Train, and write the adapter with all else that makes the voice. Raises TimbreError."""
    config = base_config.read(base)
    examples = dataset.read(folder, config.talker_config.num_code_groups)
    vector = _vector(settings, folder, config)
    languages = {_language(example, settings) for example in examples}
    for language in languages:
        config.language(language)
    learnt, held_out = schedule.split(len(examples), settings.held_out, settings.seed)
    settings.projections  # noqa: B018 -- refused before anything is loaded
    atomic.make_folder(output)
    model = Model(base, settings)
    items = [prepare(example, model, config, settings, vector) for example in examples]
    run = Run(
        model,
        settings,
        [items[index] for index in learnt],
        [items[index] for index in held_out],
        output,
        fingerprint(settings, examples, config, vector),
    )
    measured = run.train(resume=resume, stop_at=stop_at)
    curve.write(output, measured)
    if stop_at is not None and stop_at < settings.steps:
        sys.stdout.write(f"{output}: stopped at step {stop_at}; --resume goes on\n")
        return
    spoken = languages.pop() if len(languages) == 1 else ""
    trained.write(
        output,
        Trained(
            language="" if spoken == AUTO else spoken,
            speaker=settings.speaker,
            text_layout=settings.layout,
        ),
    )
    (output / x_vector.FILE).unlink(missing_ok=True)  # of a training before
    if vector is not None:
        atomic.write(output / x_vector.FILE, save({adapters.X_VECTOR: vector}))
    model.save(output)  # last: where the adapter is, the voice is whole
    (output / checkpoint.FILE).unlink(missing_ok=True)
    sys.stdout.write(f"{output}: {_summary(measured, len(learnt), len(held_out))}\n")


def prepare(
    example: Example, model: Model, config: BaseConfig, settings: Settings, vector: NDArray[np.float32] | None
) -> Item:
    """A line laid out. Raises InvalidInput where its text has no token."""
    tokens = model.tokenize(example.line.text)
    if not tokens:
        raise InvalidInput("it has no token", f"{example.line.name}: text")
    prompt = Prompt(
        role=model.role,
        language=config.language(_language(example, settings), settings.speaker),
        speaker=config.speaker(settings.speaker) if settings.speaker else None,
        vector=vector is not None,
        full=settings.layout is Layout.FULL,
    )
    laid = layout.lay_out(tokens, example.codes[:, 0], prompt, config)
    return Item(
        laid,
        torch.from_numpy(example.codes).to(model.device),
        None if vector is None else model.vector(vector),
    )


def fingerprint(
    settings: Settings, examples: list[Example], config: BaseConfig, vector: NDArray[np.float32] | None
) -> str:
    """SHA-256 of what makes the outcome; how often is measured or kept does not."""
    fields = dataclasses.asdict(settings)
    for name in ("measure_every", "checkpoint_every", "x_vector", "device"):
        del fields[name]
    digest = hashlib.sha256(msgspec.json.encode([fields, config, [example.line for example in examples]]))
    for example in examples:
        digest.update(example.codes.tobytes())
    digest.update(b"" if vector is None else vector.tobytes())
    return digest.hexdigest()


def _language(example: Example, settings: Settings) -> str:
    return settings.language or example.line.language


def _vector(settings: Settings, folder: Path, config: BaseConfig) -> NDArray[np.float32] | None:
    if settings.speaker:
        if settings.x_vector is not None:
            raise InvalidInput("a speaker takes the x-vector's place: one of the two is right", "--speaker")
        config.speaker(settings.speaker)
        return None
    path = settings.x_vector or folder / x_vector.FILE
    if settings.x_vector is None and not path.exists():
        return None
    return x_vector.read(path, config.talker_config.hidden_size)


def _summary(measured: curve.Curve, learnt: int, held_out: int) -> str:
    told = f"{learnt} lines learnt, loss {measured.learnt[0].loss:.3f} -> {measured.learnt[-1].loss:.3f}"
    if not measured.held_out:
        return told
    before, after = measured.held_out[0], measured.held_out[-1]
    return f"{told}; {held_out} held out, {before.loss:.3f} -> {after.loss:.3f}"
