"""Which files a voices document names, and what a voice's status is while they come. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from timbre_common import voice_codes
from timbre_common.documents import Voice, VoicesDocument, VoicesStatus, VoiceState, VoiceStatus
from timbre_common.errors import TimbreError
from timbre_common.sources import Remote
from timbre_common.voice_codes import VoiceCode
from timbre_engine.fetcher.volume import FOLDER

_BELOW: Final = f"{FOLDER}/"


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file and where it is fetched from."""

    name: str
    """Below `sha256/`."""
    digest: str
    """`sha256:…`"""
    source: Remote

    @property
    def kind(self) -> str:
        """Of its source, such as `oci`."""
        return type(self.source).__name__.lower()


class Progress(StrEnum):
    """What became of a file."""

    WAITING = "waiting"
    FETCHING = "fetching"
    PRESENT = "present"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileState:
    """Where a file is; `error`: of its last try, `tried`: whether one has ended."""

    progress: Progress = Progress.WAITING
    error: TimbreError | None = None
    tried: bool = False


States = Mapping[WantedFile, FileState]


def of_voice(voice: Voice) -> list[WantedFile]:
    """The files that a voice has fetched."""
    return [
        WantedFile(each.file.removeprefix(_BELOW), each.digest, each.remote)
        for each in (voice.adapter, voice.reference)
        if each is not None and each.remote is not None and each.digest is not None
    ]


def named(document: VoicesDocument) -> frozenset[str]:
    """The files below `sha256/` that a document names, fetched ones and those that somebody put there."""
    files = [each.file for voice in document.voices for each in (voice.adapter, voice.reference) if each is not None]
    return frozenset(file.removeprefix(_BELOW) for file in files if file.startswith(_BELOW))


def behind(document: VoicesDocument, digests: Mapping[str, str], engine: VoicesStatus) -> bool:
    """Whether the engine is to be given the document: it is older, empty or another's. `digests`: the voices' own."""
    if engine.generation != document.generation:
        return engine.generation < document.generation
    return {name: voice.digest for name, voice in engine.voices.items()} != dict(digests)


def settled(document: VoicesDocument, engine: VoicesStatus | None) -> bool:
    """Whether the engine has tried every voice of the document, or of a newer one."""
    return (
        engine is not None
        and engine.generation >= document.generation
        and all(voice.state is not VoiceState.LOADING for voice in engine.voices.values())
    )


def overlay(
    document: VoicesDocument | None, digests: Mapping[str, str], engine: VoicesStatus | None, files: States
) -> VoicesStatus:
    """What became of each voice: the engine's word, and what is being fetched or could not be.

    A voice that speaks is ready, whatever its file does; the reason then says what the file lacks.
    """
    if document is None or (engine is not None and engine.generation > document.generation):
        return engine or VoicesStatus(generation=0, voices={})
    found = {voice.name: _status(voice, digests[voice.name], document, engine, files) for voice in document.voices}
    return VoicesStatus(generation=document.generation, voices=found)


def _status(
    voice: Voice, digest: str, document: VoicesDocument, engine: VoicesStatus | None, files: States
) -> VoiceStatus:
    known = None if engine is None else engine.voices.get(voice.name)
    if known is None or known.digest != digest:
        reason = "the engine does not answer" if engine is None else "the engine is being told"
        code = VoiceCode.ENGINE_UNAVAILABLE if engine is None else ""
        known = VoiceStatus(
            digest=digest, generation=document.generation, state=VoiceState.LOADING, reason=reason, code=code
        )
    lacking = [(file, files.get(file, FileState())) for file in of_voice(voice)]
    lacking = [(file, state) for file, state in lacking if state.progress is not Progress.PRESENT]
    if not lacking:
        return known
    file, state = next((each for each in lacking if each[1].error is not None), lacking[0])
    if state.error is not None:
        reason, code = f"{file.kind}: {state.error}", voice_codes.of(state.error)
        failed = VoiceState.FAILED
    else:
        reason, code, failed = "its file is being fetched", VoiceCode.FETCHING, VoiceState.LOADING
    if known.state is VoiceState.READY:
        reason, failed = "; ".join(filter(None, (known.reason, reason))), known.state
    return msgspec.structs.replace(known, state=failed, reason=reason, code=code)
