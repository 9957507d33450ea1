"""Why a VoiceProfile's conditions are as they are: CamelCase, a bounded set."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from timbre_common.voice_codes import VoiceCode


class VoiceReason(StrEnum):
    """Reasons of Accepted, SourceResolved, Routed and Ready."""

    ACCEPTED = "Accepted"
    """The profile is part of its engine's voices."""
    ENGINE_NOT_FOUND = "EngineNotFound"
    """There is no SpeechEngine of that name in the namespace."""
    AGENT_TAKEN = "AgentTaken"
    """An older profile of the namespace speaks for the agent."""
    SUSPENDED = "Suspended"
    """The profile says so itself."""
    INVALID = "Invalid"
    """The stored spec is not one that this operator understands."""
    ENGINE_FULL = "EngineFull"
    """The engine's voices fill every ConfigMap that there is for them; older profiles go first."""

    NOT_NEEDED = "NotNeeded"
    """The voice has no files."""
    RESOLVED = "Resolved"
    """The files are where the engine reads them."""

    ROUTED = "Routed"
    """The bridge is told which engine speaks for the agent, and all of its lexicon."""
    LEXICON_LEFT_OUT = "LexiconLeftOut"
    """The lexicons of the namespace are more than a ConfigMap holds, and this one is among the longest."""
    ROUTES_FULL = "RoutesFull"
    """Older profiles fill the ConfigMap with the routes."""

    LOADED = "Loaded"
    """Every ready pod of the engine speaks it."""
    LOADING = "Loading"
    """Pods have been told, and not all of them speak it so far."""
    ENGINE_SCALED_TO_ZERO = "EngineScaledToZero"
    """No pod is wanted."""
    ENGINE_NOT_READY = "EngineNotReady"
    """No pod of the engine is ready."""
    POD_UNREACHABLE = "PodUnreachable"
    """A ready pod's administration does not answer."""
    NAME_CONFLICT = "NameConflict"
    """A ConfigMap that is not the engine's, or not the operator's, has the name of one of theirs."""

    FILE_MISSING = "FileMissing"
    DIGEST_MISMATCH = "DigestMismatch"
    WRONG_BASE = "WrongBase"
    TOO_LARGE = "TooLarge"
    MALFORMED = "Malformed"
    UNKNOWN_SPEAKER = "UnknownSpeaker"
    UNKNOWN_LANGUAGE = "UnknownLanguage"
    UNSUPPORTED = "Unsupported"
    FETCHING = "Fetching"
    HOST_REFUSED = "HostRefused"
    UNAUTHORIZED = "Unauthorized"
    SOURCE_MISSING = "SourceMissing"
    FETCH_FAILED = "FetchFailed"
    TIMED_OUT = "TimedOut"
    VOLUME_FULL = "VolumeFull"
    VOLUME_UNUSABLE = "VolumeUnusable"
    REFUSED = "Refused"
    """The engine refused it for a reason of none of these kinds; the message has its words."""


OF_CODE: Final[Mapping[str, VoiceReason]] = {
    VoiceCode.FILE_MISSING: VoiceReason.FILE_MISSING,
    VoiceCode.DIGEST_MISMATCH: VoiceReason.DIGEST_MISMATCH,
    VoiceCode.WRONG_BASE: VoiceReason.WRONG_BASE,
    VoiceCode.TOO_LARGE: VoiceReason.TOO_LARGE,
    VoiceCode.MALFORMED: VoiceReason.MALFORMED,
    VoiceCode.UNKNOWN_SPEAKER: VoiceReason.UNKNOWN_SPEAKER,
    VoiceCode.UNKNOWN_LANGUAGE: VoiceReason.UNKNOWN_LANGUAGE,
    VoiceCode.UNSUPPORTED: VoiceReason.UNSUPPORTED,
    VoiceCode.INVALID: VoiceReason.REFUSED,
    VoiceCode.ENGINE_UNAVAILABLE: VoiceReason.ENGINE_NOT_READY,
    VoiceCode.INTERNAL: VoiceReason.REFUSED,
    VoiceCode.FETCHING: VoiceReason.FETCHING,
    VoiceCode.HOST_REFUSED: VoiceReason.HOST_REFUSED,
    VoiceCode.UNAUTHORIZED: VoiceReason.UNAUTHORIZED,
    VoiceCode.SOURCE_MISSING: VoiceReason.SOURCE_MISSING,
    VoiceCode.FETCH_FAILED: VoiceReason.FETCH_FAILED,
    VoiceCode.TIMED_OUT: VoiceReason.TIMED_OUT,
    VoiceCode.VOLUME_FULL: VoiceReason.VOLUME_FULL,
    VoiceCode.VOLUME_UNUSABLE: VoiceReason.VOLUME_UNUSABLE,
}
"""What an engine, or the fetcher before it, says of a voice, as a reason. Complete, which a test proves."""

OF_SOURCE: Final = frozenset(
    {
        VoiceReason.FILE_MISSING,
        VoiceReason.DIGEST_MISMATCH,
        VoiceReason.TOO_LARGE,
        VoiceReason.FETCHING,
        VoiceReason.HOST_REFUSED,
        VoiceReason.UNAUTHORIZED,
        VoiceReason.SOURCE_MISSING,
        VoiceReason.FETCH_FAILED,
        VoiceReason.TIMED_OUT,
        VoiceReason.VOLUME_FULL,
        VoiceReason.VOLUME_UNUSABLE,
    }
)
"""Those that say that a file is not where the engine reads it, or is another."""

WAITS: Final = frozenset({VoiceReason.LOADING, VoiceReason.FETCHING})
"""Those that pass by themselves."""
CALM: Final = WAITS | {
    VoiceReason.LOADED,
    VoiceReason.SUSPENDED,
    VoiceReason.ENGINE_SCALED_TO_ZERO,
    VoiceReason.ENGINE_NOT_READY,
}
"""Those that nobody has to look at, or that the engine's own status tells better."""
OF_ENGINE: Final = frozenset({VoiceReason.POD_UNREACHABLE, VoiceReason.NAME_CONFLICT})
"""Those that all of an engine's voices have at once: an event about the engine tells of them, and none about each."""
