"""Two model directories of one checkpoint, side by side: the quantised one along the codes of the reference."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from timbre_common import languages
from timbre_common.errors import InvalidInput
from timbre_engine.model.manifest import EMBEDDINGS
from timbre_engine.qwen3tts.machine import Machine
from timbre_engine.qwen3tts.offline import Request, codes_of_all
from timbre_engine.scoring import divergence, words
from timbre_engine.scoring.divergence import Head
from timbre_engine.scoring.forced import Forced
from timbre_engine.scoring.recogniser import Recogniser

TOGETHER: Final = 4
"""Texts side by side: slots that a machine has to have."""
_ROWS: Final = 1 << 14
_SAME: Final = (
    "size", "kind", "talker", "predictor", "text_ids", "codec_ids", "languages", "speakers", "dialects",
    "sampling", "predictor_sampling", "codec",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """What quantising changes in the logits."""

    frames: int
    heads: list[Head]
    """The talker's, for code 0 and the end of speech, then the predictor's, for codes 1 to 15."""

    @property
    def kl_frame(self) -> float:
        """Of a whole frame, in nats: the heads' sum, since each was given the codes before its own."""
        return sum(head.kl for head in self.heads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a recogniser made of the speech."""

    words: int
    """Of the texts; a Chinese or Japanese character is one."""
    errors: int
    """Of the quantised directory's speech."""
    errors_against: int
    """Of the reference's."""


def refuse_other(scored: Machine, against: Machine) -> None:
    """Raises InvalidInput where the two were not converted from the same checkpoint.

    The embeddings of the codes tell checkpoints apart: every form keeps them, in half precision at least.
    """
    ours, theirs = scored.manifest, against.manifest
    differ = [name for name in _SAME if getattr(ours, name) != getattr(theirs, name)]
    one, other = (np.load(each.options.model / EMBEDDINGS, mmap_mode="r") for each in (scored, against))
    if not differ and one.shape == other.shape:
        parts = ((one[at : at + _ROWS], other[at : at + _ROWS]) for at in range(0, len(one), _ROWS))
        if all(np.array_equal(a.astype(np.float16), b.astype(np.float16)) for a, b in parts):
            return
    raise InvalidInput(
        f"{against.options.model} ({theirs.digest}) was not converted from the checkpoint of {scored.options.model} "
        f"({ours.digest}): {', '.join(differ) or 'the embeddings'} differ; convert both from one",
        "against",
    )


def diverge(
    scored: Machine, against: Machine, requests: Sequence[Request], tell: Callable[[int], object]
) -> Divergence:
    """Both machines' logits along the reference's codes; each request is one run.

    `tell` is given the number of frames: each is counted when it is made, and when either machine has gone along it.
    """
    ours, theirs = Forced(scored), Forced(against)
    kl, agrees = [], []
    for group in _groups(requests):
        codes = codes_of_all(against, group, tell)
        pairs = list(zip(theirs.logits(group, codes, tell), ours.logits(group, codes, tell), strict=True))
        kl.append(np.stack([divergence.divergence(*pair) for pair in pairs]))
        agrees.append(np.stack([divergence.same(*pair) for pair in pairs]))
    found = zip(np.concatenate(kl, axis=1), np.concatenate(agrees, axis=1), strict=True)
    heads = [divergence.head(*each) for each in found]
    return Divergence(frames=sum(each.shape[1] for each in kl), heads=heads)


def listen(
    scored: Machine,
    against: Machine,
    requests: Sequence[Request],
    recogniser: Recogniser,
    tell: Callable[[int], object],
) -> Words:
    """Both machines speak every text by themselves, and the recogniser hears it. `tell` is called with 1 a speech."""
    counts = []
    for machine in (scored, against):
        wrong = 0
        for group in _groups(requests):
            for request, codes in zip(group, codes_of_all(machine, group), strict=True):
                samples = machine.codec.decode(codes, machine.codec.state())
                heard = recogniser.hear(samples, machine.manifest.codec.sample_rate, _tag(request.language))
                wrong += words.errors(words.normalised(request.text), words.normalised(heard))
                tell(1)
        counts.append(wrong)
    spoken = sum(len(words.normalised(request.text)) for request in requests)
    return Words(words=spoken, errors=counts[0], errors_against=counts[1])


def _groups(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    return (requests[at : at + TOGETHER] for at in range(0, len(requests), TOGETHER))


def _tag(language: str) -> str | None:
    """BCP 47's first part of a language as `timbre-engine codes` takes it."""
    short = language.lower().partition("-")[0]
    return next((tag for tag, name in languages.NAMES.items() if short in {tag, name}), None)
