"""What voices bring beside the model: adapters, x-vectors, recordings; and what an utterance takes of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from timbre_common import mixing
from timbre_common.documents import Voice
from timbre_engine.backend import Part
from timbre_engine.model.manifest import Manifest
from timbre_engine.qwen3tts import specs
from timbre_engine.qwen3tts.adapter_file import AdapterFile
from timbre_engine.qwen3tts.adapters import Adapters
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.embeddings import Embeddings, Vectors
from timbre_engine.qwen3tts.lanes import LaneKey
from timbre_engine.qwen3tts.references import References


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """A voice's, checked."""

    adapter: AdapterFile | None = None
    clip: Clip | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an utterance speaks with. The adapters are to be given back."""

    adapters: LaneKey
    vector: Vectors | None
    """[hidden]: in the speaker's place."""
    clip: Clip | None
    streaming_text: bool


class VoiceFiles:
    """For one thread, but for `check`."""

    def __init__(
        self,
        adapters: Adapters,
        references: References,
        manifest: Manifest,
        table: Embeddings,
        tokenize: Callable[[str], list[int]],
        positions: int,
    ) -> None:
        self._adapters = adapters
        self._references = references
        self._manifest = manifest
        self._table = table
        self._tokenize = tokenize
        self._positions = positions
        self._voices: list[Voice] = []
        """The known ones, each as often as it was loaded."""

    def check(self, voice: Voice) -> Files:
        """Look at a voice's files, from any thread. Raises InvalidInput with the reason."""
        adapter = None if voice.adapter is None else self._adapters.check(voice.adapter)
        if voice.reference is None:
            return Files(adapter=adapter)
        clip = self._references.check(voice.reference)
        streaming = _streaming_text(voice, adapter)
        specs.check_clip(clip, len(self._tokenize(clip.text)), self._positions, streaming_text=streaming)
        return Files(adapter=adapter, clip=clip)

    def know(self, voice: Voice, files: Files) -> None:
        """The voice may speak from now on."""
        self._voices.append(voice)
        if voice.adapter is not None and files.adapter is not None:
            self._adapters.know(voice.adapter, files.adapter)
        if voice.reference is not None and files.clip is not None:
            self._references.know(voice.reference, files.clip)

    def forget(self, voice: Voice) -> None:
        """The voice has gone, and its utterances with it. One whose files were refused was never known."""
        if voice not in self._voices:
            return
        self._voices.remove(voice)
        if voice.adapter is not None:
            self._adapters.forget(voice.adapter)
        if voice.reference is not None:
            self._references.forget(voice.reference)

    def take(self, voice: Voice, blend: Sequence[Part] = ()) -> Taken:
        """What a known voice speaks with, or a blend of known ones in `voice`'s manner. Raises EngineUnavailable.

        A blend of several continues no recording, since that is one voice's manner: it has the x-vector.
        """
        parts = blend or [Part(voice, 1.0)]
        wanted = [(part.voice.adapter, part.weight) for part in parts if part.voice.adapter is not None]
        vectors = [(self._vector(part.voice), part.weight) for part in parts]
        reference = parts[0].voice.reference if len(parts) == 1 else None
        heaviest = max(parts, key=lambda part: part.weight).voice
        return Taken(
            vector=mixing.mean_vector(vectors),
            clip=None if reference is None else self._references.clip(reference),
            streaming_text=_streaming_text(voice, self._known(heaviest)),
            adapters=self._adapters.take(wanted),
        )

    def _vector(self, voice: Voice) -> Vectors | None:
        """A reference's, or the named speaker's, or that which the adapter was trained as."""
        if voice.reference is not None:
            return self._references.clip(voice.reference).x_vector
        if voice.speaker is not None:
            return specs.speaker_row(voice.speaker, self._manifest, self._table)
        known = self._known(voice)
        return None if known is None else known.x_vector

    def _known(self, voice: Voice) -> AdapterFile | None:
        return None if voice.adapter is None else self._adapters.file(voice.adapter)


def _streaming_text(voice: Voice, adapter: AdapterFile | None) -> bool:
    if voice.streaming_text is not None:
        return voice.streaming_text
    return adapter is None or adapter.streaming_text
