"""A line of speech as the engine lays it out: what stands at each position, and what the talker answers there. Pure.

Every position is the sum of a text token's embedding and of one of the codec's: a codec token, the voice's vector, or
the sum over a frame's codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_loras.train.base_config import BaseConfig

NONE: Final = -1
"""In the codec track: nothing, the voice's vector or a frame."""
Tokens = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What of a line is neither its text nor its frames."""

    role: Sequence[int]
    """Text tokens of `<|im_start|>assistant` and the line's end."""
    language: int | None
    """Codec token; None: the model finds out."""
    speaker: int | None = None
    """The codec token of a named speaker."""
    vector: bool = False
    """Whether a vector stands in the speaker's place."""
    full: bool = False
    """Whether the whole text stands before the speech, or joins it frame by frame."""


@dataclass(frozen=True, slots=True)
class Laid:
    """A line laid out; its last positions are its frames."""

    text: Tokens
    """[positions]: tokens of the text track."""
    codec: Tokens
    """[positions]: codec tokens, or NONE."""
    vector: int | None
    """The position that the voice's vector takes."""
    first: int
    """The position whose answer is the first frame's code 0; every later one answers the next frame's, and the last
    one the end of speech."""
    targets: Tokens
    """[frames + 1]: code 0 that is right at each position from `first` on."""


def lay_out(tokens: Sequence[int], first_codes: Tokens, prompt: Prompt, base: BaseConfig) -> Laid:
    """A line of text tokens, at least one, and code 0 of its frames [frames]."""
    talker, pad, bos, eos = base.talker_config, base.tts_pad_token_id, base.tts_bos_token_id, base.tts_eos_token_id
    thinking = (
        [talker.codec_nothink_id, talker.codec_think_bos_id, talker.codec_think_eos_id]
        if prompt.language is None
        else [talker.codec_think_id, talker.codec_think_bos_id, prompt.language, talker.codec_think_eos_id]
    )
    voice = [NONE] if prompt.vector else [] if prompt.speaker is None else [prompt.speaker]
    text = [*prompt.role, *[pad] * len(thinking + voice), bos]
    codec = [*[NONE] * len(prompt.role), *thinking, *voice, talker.codec_pad_id]
    vector = len(codec) - 2 if prompt.vector else None
    if prompt.full:
        text += [*tokens, eos, pad]
        codec += [*[talker.codec_pad_id] * (len(tokens) + 1), talker.codec_bos_id]
        joining: list[int] = []
    else:
        text.append(tokens[0])
        codec.append(talker.codec_bos_id)
        joining = [*tokens[1:], eos]
    frames = len(first_codes)
    joining = [*joining[:frames], *[pad] * (frames - len(joining))]
    return Laid(
        text=np.array(text + joining, np.int64),
        codec=np.array(codec + [NONE] * frames, np.int64),
        vector=vector,
        first=len(codec) - 1,
        targets=np.append(first_codes, talker.codec_eos_token_id).astype(np.int64),
    )
