"""What a stream is made with, and the way to it from a voice and a request. Pure, but for the embeddings looked up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.documents import Voice
from timbre_common.engine_stream import Codes
from timbre_common.errors import TooLarge
from timbre_common.voiceprofile import Sampling as VoiceSampling
from timbre_engine.model.manifest import CodecIds, Manifest, Sampling
from timbre_engine.qwen3tts import languages, prompt
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.embeddings import Embeddings, Vectors
from timbre_engine.qwen3tts.lanes import LaneKey
from timbre_engine.qwen3tts.prompt import Frame, Reference
from timbre_engine.qwen3tts.talker import PrefixKey

_WHOLE_TEXT_SHARE: Final = 4
"""One in so many positions is the text's where it stands before the speech: a token for three frames or more."""
_PREFIX: Final = 8
"""Positions of a prompt beside its role and instruction, at most."""


@dataclass(frozen=True, slots=True)
class Given:
    """A run's frames that another engine made: codes [frames, codebooks]. `complete`: it made all of them."""

    codes: NDArray[np.int32]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What an utterance is made with; everything checked."""

    adapters: LaneKey = ()
    frame: Frame
    prefix_key: PrefixKey
    streaming_text: bool = True
    reference: Reference | None = None
    sampling: Sampling
    predictor_sampling: Sampling
    seed: int
    given: tuple[Given, ...] = ()
    """Runs made elsewhere: speech goes on after them."""

    def prefix(self, ids: CodecIds, table: Embeddings) -> Vectors:
        """The positions that do not depend on the text: [positions, hidden]."""
        return prompt.beginning(self.frame, self.reference, ids, table, stream=self.streaming_text)

    def room(self, positions: int) -> int:
        """How many of a run's positions a recording, and text that stands before the speech, leave to it."""
        if self.reference is not None:
            positions -= self.reference.positions(stream=self.streaming_text)
        return positions if self.streaming_text else positions - positions // _WHOLE_TEXT_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An utterance as it was asked for, checked."""

    voice: Voice
    language: str | None
    """The model's name; None: it finds out."""
    seed: int
    instructions: str | None = None
    vector: Vectors | None = None
    """[hidden]: what stands in the speaker's place; None: the model finds a voice."""
    clip: Clip | None = None
    """A recording whose manner is continued, where it has codes."""
    streaming_text: bool = True
    greedy: bool = False
    """Whether the predictor takes the likeliest codes, whatever its defaults."""
    given: tuple[Given, ...] = ()


def make(
    wanted: Wanted, adapters: LaneKey, manifest: Manifest, table: Embeddings, tokenize: Callable[[str], list[int]]
) -> Spec:
    """Everything that a stream needs."""
    ids = manifest.text_ids
    speaker = None if wanted.voice.speaker is None else wanted.voice.speaker.lower()
    clip, reference = wanted.clip, None
    if clip is not None and clip.codes is not None:
        reference = Reference(tokens=tokenize(clip.text), frames=table.frames(clip.codes))
    language = languages.token(wanted.language, speaker, manifest.languages, manifest.dialects)
    instruct = []
    if wanted.instructions:
        instruct = [ids.im_start, *tokenize(f"user\n{wanted.instructions}"), ids.im_end, *tokenize("\n")]
    return Spec(
        adapters=adapters,
        frame=Frame(
            role=[ids.im_start, *tokenize("assistant\n")],
            instruct=instruct,
            language=language,
            speaker=wanted.vector,
        ),
        prefix_key=PrefixKey(
            None if wanted.vector is None else wanted.vector.tobytes(),
            language,
            tuple(instruct),
            None if clip is None else clip.key,
            wanted.streaming_text or reference is None,
        ),
        reference=reference,
        streaming_text=wanted.streaming_text,
        sampling=_sampling(wanted.voice.sampling, manifest.sampling),
        predictor_sampling=Sampling(temperature=0.0) if wanted.greedy else manifest.predictor_sampling,
        seed=wanted.seed,
        given=wanted.given,
    )


def speaker_row(speaker: str, manifest: Manifest, table: Embeddings) -> Vectors:
    """The row of one of the model's speakers: [hidden]."""
    row: Vectors = table.codec([manifest.speakers[speaker.lower()]])[0]
    return row


def check_clip(clip: Clip, tokens: int, positions: int, *, streaming_text: bool) -> None:
    """Raises TooLarge where a clip, its text `tokens` long, leaves a run less than half of its positions."""
    most = positions // 2
    if tokens > most:
        raise TooLarge(f"at most {most} tokens leave room to speak in {positions} positions", "reference.text")
    taken = 0 if clip.codes is None else len(clip.codes) + (0 if streaming_text else tokens)
    if taken > most:
        room = most if streaming_text else most - tokens
        raise TooLarge(f"at most {room} frames leave room to speak in {positions} positions", "reference.codes")


def check_room(spec: Spec, positions: int) -> None:
    """Raises TooLarge where what is asked for leaves a run of `positions` no room to speak in."""
    prefix = len(spec.frame.instruct) + len(spec.frame.role) + _PREFIX
    if prefix > positions // 2:
        raise TooLarge(f"at most {positions // 2 - _PREFIX} tokens are right, a few characters each", "instructions")
    if spec.reference is not None:
        prefix += spec.reference.positions(stream=spec.streaming_text)
    begun = spec.given[-1] if spec.given else None
    if begun is not None and not begun.complete and prefix + len(begun.codes) >= positions:
        raise TooLarge(f"a run holds less than {positions - prefix} frames here", "continue.codes")


def given(codes: Codes) -> tuple[Given, ...]:
    """The runs in the codes of a `continue`: an empty frame stands where a run ended."""
    runs: list[Given] = []
    frames: list[list[int]] = []
    for frame in codes:
        if frame:
            frames.append(frame)
        else:
            runs.append(Given(np.array(frames, np.int32), complete=True))
            frames = []
    return (*runs, Given(np.array(frames, np.int32), complete=False)) if frames else tuple(runs)


def _sampling(wanted: VoiceSampling, default: Sampling) -> Sampling:
    return Sampling(
        temperature=default.temperature if wanted.temperature is None else wanted.temperature,
        top_k=default.top_k if wanted.top_k is None else wanted.top_k,
        top_p=default.top_p if wanted.top_p is None else wanted.top_p,
        repetition_penalty=(
            default.repetition_penalty if wanted.repetition_penalty is None else wanted.repetition_penalty
        ),
    )
