"""One utterance as the scheduler sees it: its text track, its prompt, and the frames made of it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from timbre_common.audio import SAMPLE_RATE
from timbre_engine.model.manifest import Manifest
from timbre_engine.pauses import Pause
from timbre_engine.qwen3tts import prompt
from timbre_engine.qwen3tts.embeddings import Embeddings, Vectors
from timbre_engine.qwen3tts.lanes import TalkerSequence
from timbre_engine.qwen3tts.runs import Piece, RunEnd, RunFeed, Word
from timbre_engine.qwen3tts.specs import Spec
from timbre_engine.qwen3tts.talker import Talker

FRAMES_A_CHARACTER: Final = 2.5
"""A run that makes more frames than this for each of its characters has run away: slow speech needs about 1.6."""
FRAMES_AT_LEAST: Final = 25
"""… and this many for the shortest text."""
AHEAD_SAMPLES: Final = 10 * SAMPLE_RATE
"""A stream this far ahead of what its client took waits."""
MIN_TOKENS: Final = 2
"""The first codes that cannot be the end of speech, as the official implementation has it."""


@dataclass(eq=False, slots=True)
class Run:
    """The run being made: text tokens so far, and where the frames are."""

    tokens: list[int] = field(default_factory=list)
    characters: int = 0
    ended: bool = False
    begun: bool = False
    frames: int = 0
    words: deque[tuple[int, str]] = field(default_factory=deque)
    """Words whose mark has not been handed on: the index of the first token, and the text."""
    history: list[int] = field(default_factory=list)
    """Code 0 of every frame, for the repetition penalty."""
    track: Vectors | None = None
    """What the text track adds to the frames to come, where it is known before; None: tokens as they come."""
    input: Vectors | None = None
    """The next position's vector, text track not yet added."""


class Stream:
    """Fed by the worker's inbox, stepped by the scheduler, in one thread."""

    def __init__(self, number: int, spec: Spec, sequence: TalkerSequence, speed: float = 1.0) -> None:
        """`speed`: how many of the codec's samples make one that the client takes."""
        self.number = number
        self.spec = spec
        self.sequence = sequence
        self.random = np.random.default_rng(spec.seed)
        self.cancelled = False
        self.text_ended = False
        self.run: Run | None = None
        self.samples_ahead = 0.0
        """Samples that the client has not taken, as it hears them."""
        self._speed = speed
        self._feed = RunFeed(spec.room(sequence.lane.context.settings.positions))
        self._pieces: deque[Piece] = deque()
        self._given = deque(spec.given)

    def feed(self, text: str) -> None:
        """More text."""
        if not self.text_ended:
            self._pieces += self._feed.feed(text)

    @property
    def waits(self) -> bool:
        """Whether it is so far ahead that nothing more is made until the client takes some."""
        return self.samples_ahead >= AHEAD_SAMPLES

    def made(self, samples: int) -> None:
        """The codec has that many samples more to give."""
        self.samples_ahead += samples / self._speed

    def took(self, samples: int) -> None:
        """The client took that many."""
        self.samples_ahead -= samples

    def flush(self) -> None:
        """Speak what there is; where speech waits for a run's whole text, that is a run."""
        if not self.text_ended:
            self._pieces += self._feed.flush() if self._dual else self._feed.end()

    def end(self) -> None:
        """No more text comes."""
        if not self.text_ended:
            self._pieces += self._feed.end()
            self.text_ended = True

    @property
    def leftover(self) -> str:
        """Text without anything to say that came after the last run."""
        return self._feed.leftover

    def pause(self) -> Pause | None:
        """The pause that is due between two runs, taken off. Those before frames made elsewhere were heard there."""
        while self.run is None and self._pieces and isinstance(piece := self._pieces[0], Pause):
            self._pieces.popleft()
            if not self._given:
                return piece
        return None

    @property
    def exhausted(self) -> bool:
        """Whether everything that was fed is spoken, and no more comes."""
        return self.text_ended and self.run is None and not self._pieces

    def take_text(self, tokenize: Callable[[str], list[int]]) -> None:
        """Move text that has come into the run, up to the run's end."""
        while self._pieces and not isinstance(self._pieces[0], Pause):
            if self.run is not None and self.run.ended:
                return
            piece = self._pieces.popleft()
            if isinstance(piece, RunEnd):
                if self.run is None:  # the speech ended before its text did
                    continue
                self.run.ended = True
                return
            assert isinstance(piece, Word)
            self.run = self.run or Run()
            self.run.words.append((len(self.run.tokens), piece.text))
            self.run.characters += len(piece.text)
            self.run.tokens += tokenize(piece.text if self.run.tokens else piece.text.lstrip())

    @property
    def _dual(self) -> bool:
        """Whether speech may begin before a run's text is whole."""
        return self.spec.streaming_text and self.spec.reference is None

    @property
    def can_begin(self) -> bool:
        """Whether there is text enough for the run's prompt."""
        run = self.run
        if run is None or run.begun:
            return False
        needed = len(self._given[0].codes) if self._given else 0
        return run.ended or (self._dual and len(run.tokens) > needed)

    @property
    def can_step(self) -> bool:
        """Whether the next position's text is there."""
        run = self.run
        if run is None or not run.begun:
            return False
        return run.frames == 0 or run.track is not None or run.ended or run.frames < len(run.tokens)

    def skip_given(self) -> bool:
        """Pass over a run that was wholly made elsewhere, once its text is there."""
        if not self._given or not self._given[0].complete or self.run is None or not self.run.ended:
            return False
        self._given.popleft()
        self.run = None
        return True

    def begin(self, talker: Talker, table: Embeddings, manifest: Manifest) -> None:
        """Put the run's prompt into the talker, but for its last position."""
        run, spec, ids = self.run, self.spec, manifest.codec_ids
        assert run is not None
        if spec.reference is not None:
            rest, run.track = prompt.cloned(run.tokens, spec.reference, ids, table, stream=spec.streaming_text)
            rest = rest[spec.reference.leading(stream=spec.streaming_text) :]
        elif spec.streaming_text:
            rest = prompt.streaming(run.tokens[0], ids, table)
        else:
            rest, run.track = prompt.whole(run.tokens, ids, table), np.empty((0, table.pad.size), np.float32)
        if self._given:
            rest = np.concatenate([rest, self._take_given(run, table)])
        talker.rewind(self.sequence)
        talker.prefix(self.sequence, spec.prefix_key, spec.prefix(ids, table))
        talker.prefill(self.sequence, rest[:-1])
        run.input = rest[-1]
        run.begun = True

    def _take_given(self, run: Run, table: Embeddings) -> Vectors:
        """The positions of frames made elsewhere, the last one's text track not yet added; its text was heard there."""
        codes = self._given.popleft().codes
        vectors = table.frames(codes)
        for frame in range(len(codes) - 1):
            vectors[frame] += self._text_vector(run, frame, table)
        run.frames = len(codes)
        run.history = codes[:, 0].tolist()
        self.words(last=False)
        return vectors

    def next_input(self, table: Embeddings) -> Vectors:
        """The vector of the position to step."""
        run = self.run
        assert run is not None
        assert run.input is not None
        if run.frames == 0:
            return run.input
        return np.add(run.input, self._text_vector(run, run.frames - 1, table), dtype=np.float32)

    def advance(self, code: int, vector: Vectors) -> None:
        """A frame was made: its code 0, and the sum of its codes' embeddings [hidden]."""
        run = self.run
        assert run is not None
        run.frames += 1
        run.history.append(code)
        run.input = vector

    def words(self, *, last: bool) -> list[str]:
        """The text that the frames made so far have taken in, taken off; `last`: all of the run's."""
        run = self.run
        assert run is not None
        everything = last or run.track is not None
        taken = []
        while run.words and (everything or run.words[0][0] <= run.frames):
            taken.append(run.words.popleft()[1])
        return taken

    def over(self, positions: int) -> bool:
        """Whether the run may make no further frame: it has run away, or its slot is full."""
        run = self.run
        assert run is not None
        most = FRAMES_AT_LEAST + FRAMES_A_CHARACTER * run.characters
        return self.sequence.positions >= positions or (run.ended and run.frames >= most)

    def _text_vector(self, run: Run, frame: int, table: Embeddings) -> Vectors:
        vector: Vectors = table.pad
        if run.track is not None:
            vector = run.track[frame] if frame < len(run.track) else table.pad
        elif frame + 1 < len(run.tokens):
            vector = table.text([run.tokens[frame + 1]])[0]
        elif frame + 1 == len(run.tokens):
            vector = table.eos
        return vector
