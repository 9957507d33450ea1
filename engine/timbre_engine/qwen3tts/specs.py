"""From a voice and a request to what a stream is made with. Pure, but for the embeddings that it looks up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from timbre_common.documents import Voice
from timbre_common.engine_stream import Codes
from timbre_common.errors import InvalidInput, TooLarge
from timbre_common.voiceprofile import Sampling as VoiceSampling
from timbre_engine.model.manifest import Manifest, Sampling
from timbre_engine.qwen3tts import languages
from timbre_engine.qwen3tts.embeddings import Embeddings
from timbre_engine.qwen3tts.lanes import LaneKey
from timbre_engine.qwen3tts.prompt import Frame, Reference
from timbre_engine.qwen3tts.stream import Given, Spec

_PREFIX: Final = 8
"""Positions of a prompt beside its role and instruction, at most."""


def check_voice(voice: Voice, manifest: Manifest) -> list[str]:
    """What of a voice is not applied. Raises InvalidInput that names the field where it cannot speak."""
    if voice.speaker is not None and voice.speaker.lower() not in manifest.speakers:
        known = ", ".join(sorted(manifest.speakers)) or "none: it is a model that takes a reference"
        raise InvalidInput(f"{voice.speaker!r} is no speaker of this model; it has {known}", "speaker")
    foreign = [tag for tag in voice.languages if not _speaks(tag, manifest)]
    if len(foreign) == len(voice.languages):
        raise InvalidInput(f"this model speaks none of {', '.join(foreign)}", "languages")
    notes = [f"not spoken by this model: {', '.join(foreign)}"] if foreign else []
    if voice.prosody.pitch or any(style.pitch for style in voice.prosody.styles.values()):
        notes.append("pitch is not applied: the model's voice has its own")
    return notes


def language_of(voice: Voice, tag: str | None, manifest: Manifest) -> str | None:
    """The model's name of a request's language, or of the voice's first that it speaks. Raises InvalidInput."""
    if tag is not None:
        return languages.resolve(tag, manifest.languages)
    return languages.resolve(next(tag for tag in voice.languages if _speaks(tag, manifest)), manifest.languages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A voice taken from a recording, for models that take one."""

    x_vector: NDArray[np.float32]
    """[hidden]: what the speaker encoder made of it."""
    codes: NDArray[np.int32] | None = None
    """[frames, codebooks]: the recording itself, which is then continued in its manner."""
    text: str = ""
    """What is said in it; with `codes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An utterance as it was asked for, checked."""

    voice: Voice
    language: str | None
    """The model's name; None: it finds out."""
    seed: int
    instructions: str | None = None
    clip: Clip | None = None
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
    vector = None if speaker is None else table.codec([manifest.speakers[speaker]])[0]
    reference = None
    if wanted.clip is not None:
        vector = wanted.clip.x_vector
        if wanted.clip.codes is not None:
            reference = Reference(tokens=tokenize(wanted.clip.text), frames=table.frames(wanted.clip.codes))
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
            speaker=vector,
        ),
        prefix_key=(None if vector is None else vector.tobytes(), language, tuple(instruct)),
        reference=reference,
        streaming_text=wanted.streaming_text,
        sampling=_sampling(wanted.voice.sampling, manifest.sampling),
        predictor_sampling=Sampling(temperature=0.0) if wanted.greedy else manifest.predictor_sampling,
        seed=wanted.seed,
        given=wanted.given,
    )


def check_room(spec: Spec, positions: int) -> None:
    """Raises TooLarge where what is asked for leaves a run of `positions` no room to speak in."""
    prefix = len(spec.frame.instruct) + len(spec.frame.role) + _PREFIX
    if prefix > positions // 2:
        raise TooLarge(f"at most {positions // 2 - _PREFIX} tokens are right, a few characters each", "instructions")
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


def _speaks(tag: str, manifest: Manifest) -> bool:
    try:
        languages.resolve(tag, manifest.languages)
    except InvalidInput:
        return False
    return True


def _sampling(wanted: VoiceSampling, default: Sampling) -> Sampling:
    return Sampling(
        temperature=default.temperature if wanted.temperature is None else wanted.temperature,
        top_k=default.top_k if wanted.top_k is None else wanted.top_k,
        top_p=default.top_p if wanted.top_p is None else wanted.top_p,
        repetition_penalty=(
            default.repetition_penalty if wanted.repetition_penalty is None else wanted.repetition_penalty
        ),
    )
