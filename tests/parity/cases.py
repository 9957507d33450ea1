"""What both implementations are asked to say: greedily, since their random numbers are not the same."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from parity.checkpoints import (
    BARE,
    BASE,
    BFLOAT16,
    DESIGN,
    DIALECT_SPEAKER,
    EAGER,
    ENDING,
    PLAIN,
    SHARDED,
    WIDE,
    Variant,
)
from timbre_common.documents import Voice
from timbre_common.voiceprofile import Adapter, Sampling
from timbre_engine.qwen3tts.clip import Clip
from timbre_engine.qwen3tts.offline import Request

SENTENCE: Final = "Le renard brun saute par-dessus le chien, et la nuit tombe sur la ville."
CHINESE: Final = "我叫通义千问，是阿里云的开源大模型。"


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """One utterance."""

    name: str
    variant: Variant
    text: str = SENTENCE
    language: str = "french"
    speaker: str | None = None
    instruct: str | None = None
    reference: int | None = None
    """Frames of a clip that is continued; 0: only its x-vector."""
    streaming: bool = True
    adapter: str | None = None
    """Name of a folder that PEFT wrote, and of its export."""
    penalty: float = 1.0
    frames: int = 12

    def question(self, checkpoint: Path, adapters: Path) -> dict[str, Any]:
        """As `official.speech` takes it; the adapter is one of a folder's."""
        plain = {key: value for key, value in asdict(self).items() if key not in {"name", "variant", "reference"}}
        if self.adapter is not None:
            plain["adapter"] = str(adapters / self.adapter)
        clip = self._clip()
        if clip is None:
            return {**plain, "checkpoint": str(checkpoint)}
        spoken: dict[str, Any] = {"x_vector": clip.x_vector.tolist()}
        if clip.codes is not None:
            spoken |= {"codes": clip.codes.tolist(), "text": clip.text}
        return {**plain, "checkpoint": str(checkpoint), "clip": spoken}

    def request(self) -> Request:
        """As the engine takes it."""
        sampling = Sampling(temperature=0.0, repetition_penalty=self.penalty)
        return Request(
            voice=Voice(
                name="parity",
                languages=["en"],
                speaker=self.speaker,
                adapter=Adapter(path=f"{self.adapter}.gguf") if self.adapter else None,
                sampling=sampling,
            ),
            text=self.text,
            language=self.language,
            instructions=self.instruct,
            clip=self._clip(),
            streaming_text=self.streaming,
            greedy=True,
            frames=self.frames,
        )

    def _clip(self) -> Clip | None:
        if self.reference is None:
            return None
        random = np.random.default_rng(self.reference)
        x_vector = 0.5 * random.standard_normal(self.variant.hidden, np.float32)
        if not self.reference:
            return Clip(x_vector=x_vector)
        codes: NDArray[np.int32] = random.integers(0, 2048, (self.reference, 16), np.int32)
        return Clip(x_vector=x_vector, codes=codes, text="Bonjour, c'est moi.")


def _named(*speeches: Speech) -> dict[str, Speech]:
    return {speech.name: speech for speech in speeches}


LONG: Final = _named(
    *(
        Speech(
            name=f"long_{'streaming' if streaming else 'whole'}",
            variant=PLAIN,
            speaker="ryan",
            streaming=streaming,
            penalty=1.05,
            frames=104,
        )
        for streaming in (True, False)
    ),
)
ENDINGS: Final = _named(
    *(
        Speech(name=f"{variant.name}_{number}", variant=variant, text=text, speaker="vivian", penalty=1.05, frames=80)
        for variant in (ENDING, EAGER)
        for number, text in enumerate(
            ["Oui.", "Non, merci.", "Bonsoir à tous et à toutes !", "Voilà.", "Il pleut encore.", SENTENCE]
        )
    ),
)
LAYOUTS: Final = _named(
    Speech(name="wide_streaming", variant=WIDE, speaker="vivian"),
    Speech(name="wide_whole", variant=WIDE, speaker="vivian", instruct="d'un ton calme", streaming=False),
    Speech(name="bfloat16", variant=BFLOAT16, speaker="vivian"),
    Speech(name="bare", variant=BARE, speaker="vivian"),
    Speech(name="sharded", variant=SHARDED, speaker="vivian"),
)
VOICES: Final = _named(
    Speech(name="x_vector_streaming", variant=BASE, reference=0),
    Speech(name="x_vector_whole", variant=BASE, reference=0, streaming=False),
    Speech(name="x_vector_auto", variant=BASE, reference=0, language="auto"),
    Speech(name="clip_streaming", variant=BASE, reference=12),
    Speech(name="clip_longer_than_text", variant=BASE, reference=40, text="Oui."),
    Speech(name="clip_whole", variant=BASE, reference=12, streaming=False),
    Speech(name="clip_auto", variant=BASE, reference=12, language="auto"),
    Speech(name="design_whole", variant=DESIGN, instruct="une vieille dame, enrouée", streaming=False),
    Speech(name="design_streaming", variant=DESIGN, instruct="a low voice", language="english"),
    Speech(name="design_without_words", variant=DESIGN, instruct="", language="auto"),
    *(
        Speech(name=f"dialect_{language}", variant=PLAIN, speaker=DIALECT_SPEAKER, text=CHINESE, language=language)
        for language in ("chinese", "auto", "english")
    ),
    Speech(name="capitals", variant=PLAIN, speaker="Vivian"),
    Speech(name="one_letter", variant=PLAIN, speaker="vivian", text="A"),
    Speech(name="decomposed", variant=PLAIN, speaker="vivian", text=normalize("NFD", "Déjà l'été à Nîmes")),
)
ADAPTED: Final = _named(
    Speech(name="adapted", variant=PLAIN, speaker="vivian", adapter="both", frames=40),
    Speech(name="adapted_predictor", variant=WIDE, speaker="ryan", adapter="predictor", streaming=False, frames=16),
)
SPEECHES: Final = LONG | ENDINGS | LAYOUTS | VOICES | ADAPTED
