"""The talker's prompt: which vectors stand at which positions. Pure.

Source: the official qwen-tts 0.1.1. What depends on the voice alone comes first, so its KV cache can be kept.
"""

from dataclasses import dataclass, field

import numpy as np

from timbre_engine.model.manifest import CodecIds
from timbre_engine.qwen3tts.embeddings import Embeddings, Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A clip whose voice is continued: text tokens, and the sum of the 16 embeddings of each of its frames."""

    tokens: list[int]
    frames: Vectors
    """[frames, hidden]."""

    def positions(self, *, stream: bool) -> int:
        """Positions that it takes of a run's."""
        return len(self.frames) + (0 if stream else len(self.tokens))

    def leading(self, *, stream: bool) -> int:
        """How many of the positions that `cloned` gives are the same for every text, from the first on."""
        return min(len(self.tokens), len(self.frames)) if stream else len(self.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What of a prompt does not depend on the text."""

    role: list[int]
    """Tokens of `<|im_start|>assistant` and the line's end."""
    instruct: list[int] = field(default_factory=list)
    """Tokens of the whole instruction turn; none: no instruction."""
    language: int | None = None
    """Codec token; None: the model finds out."""
    speaker: Vectors | None = None
    """The speaker's row of the codec embedding, or an x-vector: [hidden]."""


def prefix(frame: Frame, ids: CodecIds, table: Embeddings) -> Vectors:
    """Positions before the first text token: [positions, hidden]."""
    thinking = (
        [ids.nothink, ids.think_bos, ids.think_eos]
        if frame.language is None
        else [ids.think, ids.think_bos, frame.language, ids.think_eos]
    )
    codec = table.codec(thinking)
    if frame.speaker is not None:
        codec = np.concatenate([codec, frame.speaker[None]])
    return np.concatenate(
        [
            table.text(frame.instruct + frame.role),
            codec + table.pad,
            table.codec([ids.pad]) + table.bos,
        ]
    )


def beginning(frame: Frame, reference: Reference | None, ids: CodecIds, table: Embeddings, *, stream: bool) -> Vectors:
    """`prefix`, and what of in-context cloning is the same for every text: [positions, hidden]."""
    before = prefix(frame, ids, table)
    if reference is None:
        return before
    positions, _ = cloned([], reference, ids, table, stream=stream)
    return np.concatenate([before, positions[: reference.leading(stream=stream)]])


def streaming(first: int, ids: CodecIds, table: Embeddings) -> Vectors:
    """The one position that opens dual-track speech: its first text token. Later tokens join frame by frame."""
    return table.text([first]) + table.codec([ids.bos])


def whole(tokens: list[int], ids: CodecIds, table: Embeddings) -> Vectors:
    """The positions of a text that is known before speech begins."""
    text = np.concatenate([table.text(tokens), table.eos[None]]) + table.codec([ids.pad])
    return np.concatenate([text, table.codec([ids.bos]) + table.pad])


def cloned(
    tokens: list[int], reference: Reference, ids: CodecIds, table: Embeddings, *, stream: bool
) -> tuple[Vectors, Vectors]:
    """In-context cloning in place of `streaming` or `whole`: (positions, the text track of the frames to come)."""
    text = np.concatenate([table.text(reference.tokens + tokens), table.eos[None]])
    codec = np.concatenate([table.codec([ids.bos]), reference.frames])
    if not stream:
        positions = np.concatenate([text + table.codec([ids.pad]), codec + table.pad])
        return positions, np.empty((0, codec.shape[1]), np.float32)
    rest = text[len(codec) :]
    short = len(codec) - len(text)
    if short > 0:
        text = np.concatenate([text, np.repeat(table.pad[None], short, axis=0)])
    return text[: len(codec)] + codec, rest
