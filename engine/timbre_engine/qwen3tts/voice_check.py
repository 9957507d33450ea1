"""Whether a model can speak a voice, and in which language. Pure, and without numpy: the HTTP process asks it too."""

from timbre_common.documents import Voice
from timbre_common.errors import InvalidInput, UnknownLanguage, UnknownSpeaker, Unsupported
from timbre_engine.model.manifest import Kind, Manifest
from timbre_engine.qwen3tts import languages


def check_voice(voice: Voice, manifest: Manifest) -> list[str]:
    """What of a voice is not applied. Raises InvalidInput that names the field where it cannot speak."""
    if voice.speaker is not None and voice.speaker.lower() not in manifest.speakers:
        known = ", ".join(sorted(manifest.speakers)) or "none: it is a model that takes a reference"
        raise UnknownSpeaker(f"{voice.speaker!r} is no speaker of this model; it has {known}", "speaker")
    if voice.reference is not None and manifest.kind is not Kind.BASE:
        raise Unsupported(f"a model of the kind {manifest.kind} takes none, one of the kind base does", "reference")
    if voice.reference is not None and voice.speaker is not None:
        raise InvalidInput("a reference takes the speaker's place: one of the two is right", "speaker")
    foreign = [tag for tag in voice.languages if not _speaks(tag, manifest)]
    if len(foreign) == len(voice.languages):
        raise UnknownLanguage(f"this model speaks none of {', '.join(foreign)}", "languages")
    notes = [f"not spoken by this model: {', '.join(foreign)}"] if foreign else []
    if voice.prosody.pitch or any(style.pitch for style in voice.prosody.styles.values()):
        notes.append("pitch is not applied: the model's voice has its own")
    return notes


def language_of(voice: Voice, tag: str | None, manifest: Manifest) -> str | None:
    """The model's name of a request's language, or of the voice's first that it speaks. Raises InvalidInput."""
    if tag is not None:
        return languages.resolve(tag, manifest.languages)
    return languages.resolve(next(tag for tag in voice.languages if _speaks(tag, manifest)), manifest.languages)


def _speaks(tag: str, manifest: Manifest) -> bool:
    try:
        languages.resolve(tag, manifest.languages)
    except InvalidInput:
        return False
    return True
