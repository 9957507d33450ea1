"""The voices that the model is started with: those of `--lora`, or else its own speakers."""

from collections.abc import Sequence
from typing import Final

from timbre_common import adapters, decoding
from timbre_common.documents import Voice
from timbre_common.errors import InvalidInput
from timbre_common.languages import ANY, NAMES
from timbre_common.voiceprofile import Label
from timbre_engine.loras import Lora
from timbre_engine.model.manifest import Manifest
from timbre_engine.qwen3tts import adapter_text, languages

DEFAULT: Final = "default"
"""The one voice of a model without named speakers."""


def voices(loras: Sequence[Lora], manifest: Manifest) -> tuple[Voice, ...]:
    """The voices of the adapters; without any, one of each speaker."""
    if loras:
        return tuple(_adapted(lora, manifest) for lora in loras)
    spoken = _languages(manifest, None)
    speakers = [name for name in sorted(manifest.speakers) if _is_name(name)]
    named = tuple(Voice(name=name, languages=spoken, speaker=name) for name in speakers)
    return named or (Voice(name=DEFAULT, languages=spoken),)


def _adapted(lora: Lora, manifest: Manifest) -> Voice:
    """With the speaker and the language that the adapter was trained with, where its file says so."""
    said = adapter_text.unchecked_text(lora.path)
    speaker = said.get(adapters.KEY_SPEAKER, "").lower()
    return Voice(
        name=lora.name,
        languages=_languages(manifest, said.get(adapters.KEY_LANGUAGE)),
        speaker=speaker if speaker in manifest.speakers else None,
        adapter=lora.adapter,
    )


def _languages(manifest: Manifest, first: str | None) -> list[str]:
    """Every tag of the model, the first the one spoken where a request names none. `first` is the model's name."""
    tags = languages.tags(manifest.languages)
    foremost = next((tag for tag in tags if NAMES[tag] == first), ANY)
    return [foremost, *(tag for tag in tags if tag != foremost)]


def _is_name(speaker: str) -> bool:
    try:
        decoding.convert(speaker, Label)
    except InvalidInput:
        return False
    return True
