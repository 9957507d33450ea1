"""The training loop. What a step does depends on the settings and its number alone, so a resumed run is the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from tqdm import tqdm

from timbre_loras.train import checkpoint, curve, schedule
from timbre_loras.train.curve import Curve, Point
from timbre_loras.train.model import Model
from timbre_loras.train.objective import Item, losses
from timbre_loras.train.settings import Settings

_STEP_SEED: Final = 1_000_003


@dataclass(frozen=True, slots=True)
class Run:
    """One training from its beginning to its end, or on from a checkpoint."""

    model: Model
    settings: Settings
    learnt: Sequence[Item]
    held_out: Sequence[Item]
    output: Path
    fingerprint: str
    """Of everything that makes the outcome."""

    def train(self, *, resume: bool, stop_at: int | None) -> Curve:
        """Train to the last step, or with a checkpoint to `stop_at`; the curve until then."""
        settings = self.settings
        optimizer = torch.optim.AdamW(self.model.parameters, lr=settings.learning_rate, weight_decay=0.0)
        begin, measured = self._restore(optimizer) if resume else (0, Curve())
        end = min(settings.steps, stop_at or settings.steps)
        if not begin:
            self._measure(0, measured)
        with tqdm(total=settings.steps, initial=begin, unit="step") as bar:
            for step in range(begin, end):
                point = self._step(step, optimizer)
                measured.learnt.append(point)
                bar.set_postfix(loss=f"{point.loss:.3f}")
                bar.update()
                done = step + 1
                if done % settings.measure_every == 0 or done == settings.steps:
                    self._measure(done, measured)
                if done % settings.checkpoint_every == 0 or done == end < settings.steps:
                    self._keep(done, optimizer, measured)
        return measured

    def _step(self, step: int, optimizer: Any) -> Point:
        settings = self.settings
        torch.manual_seed(settings.seed * _STEP_SEED + step)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * schedule.rate(step, settings.steps, settings.warmup)
        chosen = schedule.batch(step, settings.batch, len(self.learnt), settings.seed)
        self.model.mode(learning=True)
        found = losses(self.model, [self.learnt[index] for index in chosen])
        loss = found.first + settings.predictor_weight * found.rest
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters, settings.clip)
        optimizer.step()
        return Point(step + 1, loss.item(), found.first.item(), found.rest.item())

    def _measure(self, step: int, measured: Curve) -> None:
        """The loss on the lines held out, each frame counted once."""
        if not self.held_out:
            return
        point = measure(self.model, self.held_out, self.settings.batch)
        loss = point.first + self.settings.predictor_weight * point.rest
        measured.held_out.append(Point(step, loss, point.first, point.rest))

    def _keep(self, step: int, optimizer: Any, measured: Curve) -> None:
        state = {
            "fingerprint": self.fingerprint,
            "step": step,
            "adapter": self.model.state(),
            "optimizer": optimizer.state_dict(),
            "curve": curve.to_plain(measured),
        }
        checkpoint.write(self.output, state)

    def _restore(self, optimizer: Any) -> tuple[int, Curve]:
        state = checkpoint.read(self.output, self.fingerprint)
        self.model.restore(state["adapter"])
        optimizer.load_state_dict(state["optimizer"])
        return state["step"], curve.from_plain(state["curve"])


@dataclass(frozen=True, slots=True)
class Measured:
    """Means over lines, in nats a code."""

    first: float
    rest: float


def measure(model: Model, items: Sequence[Item], batch: int) -> Measured:
    """The losses on lines, each frame counted once."""
    model.mode(learning=False)
    first = rest = frames = ends = 0.0
    with torch.no_grad():
        for at in range(0, len(items), batch):
            part = items[at : at + batch]
            found = losses(model, part)
            ends += found.frames + len(part)
            frames += found.frames
            first += found.first.item() * (found.frames + len(part))
            rest += found.rest.item() * found.frames
    return Measured(first / ends, rest / frames)
