"""An adapter tried in the engine's library: `timbre-engine adapter-effect` in a process of its own."""

import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final

import msgspec

from timbre_common import decoding
from timbre_common.errors import InvalidInput

_COMMAND: Final = "from timbre_engine.cli import main; main()"
_NEEDED: Final = ("timbre_engine", "xllamacpp", "onnxruntime", "aiohttp")
_TIMEOUT_S: Final = 600
_PROPORTION: Final = (1.6, 2.4)
"""What doubling the scale may multiply the change by. 2 while it is small; a large one saturates, and a very small one
drowns in a quantised base's rounding: so one doubling of several has to lie within."""
_FAINT: Final = 0.03
"""A change that rounding may hide: Q4_K_M moved a faint adapter's by about 0.01 at every scale."""


_Shares = Annotated[list[float], msgspec.Meta(min_length=3)]


class Effect(msgspec.Struct, frozen=True):
    """What the command prints; None where nothing is adapted."""

    scales: list[float]
    """Ascending from 0, each later one twice the one before."""
    changes: _Shares | None = None
    """At each scale, the change of the talker's hidden states, relative to those without the adapter."""
    predictor: _Shares | None = None
    """At each scale, the share of the code predictor's codes that are others than without the adapter."""

    def judge(self) -> str:
        """What it does, in words. Raises InvalidInput where that does not follow the scale."""
        talker = None if self.changes is None else self._judge_talker(self.changes)
        predictor = None if self.predictor is None else self._judge_predictor(self.predictor)
        return "; ".join(told for told in (talker, predictor) if told)

    def _judge_talker(self, changes: list[float]) -> str:
        told = self._told(changes)
        none, *some = changes
        if none != 0:
            raise InvalidInput(f"at scale 0 the output is not the base's: {told}")
        if not all(some):
            raise InvalidInput(f"it changes nothing: {told}")
        if not any(_PROPORTION[0] <= more / less <= _PROPORTION[1] for less, more in pairwise(some)):
            if max(some) >= _FAINT:
                raise InvalidInput(f"the output does not change in proportion to the scale: {told}")
            told += "; too faint to tell whether it follows the scale: a base in F32 would show"
        return f"the output changes by {told}"

    def _judge_predictor(self, changes: list[float]) -> str:
        told = self._told(changes)
        if changes[0] != 0:
            raise InvalidInput(f"at scale 0 the code predictor's codes are not the base's: {told}")
        faint = "" if any(changes) else "; too faint to tell what it does"
        return f"of the code predictor's codes change {told}{faint}"

    def _told(self, changes: list[float]) -> str:
        return ", ".join(f"{change:.2%} at {scale:g}" for scale, change in zip(self.scales, changes, strict=True))


def missing() -> list[str]:
    """What has to be installed before `effect` can be asked for."""
    return [name for name in _NEEDED if find_spec(name) is None]


def effect(model_dir: Path, adapter: Path) -> Effect:
    """Raises InvalidInput with the engine's reason where it does not take the adapter."""
    command = [sys.executable, "-c", _COMMAND, "adapter-effect", str(model_dir), str(adapter)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise InvalidInput(f"the engine did not answer within {_TIMEOUT_S} s") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise InvalidInput(lines[-1] if lines else f"the engine's library ended with status {done.returncode}")
    return decoding.from_json(done.stdout, Effect)
