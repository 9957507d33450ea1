"""Random logits and histories, and settings of the draw, for both implementations."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from timbre_engine.model.manifest import Sampling

VOCABULARY: Final = 3072
HISTORIES: Final = (0, 1, 2, 3, 40)
"""Tokens made so far, by row."""

SETTINGS: Final = {
    "defaults": Sampling(temperature=0.9, top_k=50, top_p=1.0, repetition_penalty=1.05),
    "narrow": Sampling(temperature=0.6, top_k=20, top_p=0.7, repetition_penalty=1.3),
    "wide": Sampling(temperature=1.4, top_k=0, top_p=0.95, repetition_penalty=1.05),
    "everything": Sampling(temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0),
    "tiny_p": Sampling(temperature=0.9, top_k=50, top_p=0.01, repetition_penalty=2.0),
    "one": Sampling(temperature=0.3, top_k=1, top_p=1.0, repetition_penalty=1.05),
}


def named(settings: Sampling) -> dict[str, float]:
    """As the official package's functions take them, the same for talker and predictor."""
    talker = msgspec.structs.asdict(settings)
    return talker | {f"subtalker_{name}": talker[name] for name in ("temperature", "top_k", "top_p")}


@dataclass(frozen=True, slots=True)
class Rows:
    """Logits [rows, VOCABULARY], and a history for each row."""

    logits: NDArray[np.float32]
    history: list[list[int]]

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"logits": self.logits.tolist(), "history": self.history}


def rows() -> Rows:
    """The end of speech and the tokens that are never drawn are among the likeliest; histories have them and repeat."""
    random = np.random.default_rng(5)
    logits = 3 * random.standard_normal((len(HISTORIES), VOCABULARY), np.float32)
    logits[:, [2148, 2150, 2155, 3000]] = 12
    history = []
    for row, length in enumerate(HISTORIES):
        likeliest = np.argsort(-logits[row, :2048])[:20]
        history.append(random.choice(likeliest, length).tolist())
    return Rows(logits, history)
