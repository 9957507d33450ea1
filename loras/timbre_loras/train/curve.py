"""The loss over the steps: as JSON, and drawn."""

import io
from pathlib import Path
from typing import Any, Final

import msgspec

from timbre_loras import atomic

JSON: Final = "loss.json"
PNG: Final = "loss.png"


class Point(msgspec.Struct, frozen=True):
    """In nats a code, at a step from 1 on (0: before the first); `loss` is what is minimised."""

    step: int
    loss: float
    first: float
    """Of code 0."""
    rest: float
    """Of codes 1 to 15."""


class Curve(msgspec.Struct, frozen=True):
    """What was measured."""

    learnt: list[Point] = []
    """Of each step's batch."""
    held_out: list[Point] = []
    """Of the lines held out."""


def write(directory: Path, curve: Curve) -> None:
    """Write both files. Raises SetupError."""
    atomic.write(directory / JSON, msgspec.json.format(msgspec.json.encode(curve)) + b"\n")
    atomic.write(directory / PNG, draw(curve))


def draw(curve: Curve) -> bytes:
    """A PNG with the curves of code 0 and of the others, each learnt and held out."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, colour in (("first", "tab:blue"), ("rest", "tab:orange")):
        label = "code 0" if name == "first" else "codes 1 to 15"
        for points, style, who in ((curve.learnt, "-", "learnt"), (curve.held_out, "o--", "held out")):
            values = [getattr(point, name) for point in points]
            axes.plot([p.step for p in points], values, style, color=colour, label=f"{label}, {who}", linewidth=1)
    axes.set(xlabel="step", ylabel="nats a code")
    axes.legend()
    made = io.BytesIO()
    figure.savefig(made, dpi=120)
    return made.getvalue()


def to_plain(curve: Curve) -> Any:
    """Dicts, lists and numbers."""
    return msgspec.to_builtins(curve)


def from_plain(plain: Any) -> Curve:
    """What `to_plain` made them of."""
    return msgspec.convert(plain, Curve)
