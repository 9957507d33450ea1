"""Why a voice cannot speak, in words that programs read: `VoiceStatus.code`, from the error tree."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from timbre_common import errors
from timbre_common.errors import InvalidInput, TimbreError


class VoiceCode(StrEnum):
    """What keeps a voice from speaking. The first group is the engine's word, the second the fetcher's."""

    FILE_MISSING = "file_missing"
    DIGEST_MISMATCH = "digest_mismatch"
    WRONG_BASE = "wrong_base"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    UNKNOWN_SPEAKER = "unknown_speaker"
    UNKNOWN_LANGUAGE = "unknown_language"
    UNSUPPORTED = "unsupported"
    INVALID = "invalid"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    INTERNAL = "internal"

    FETCHING = "fetching"
    HOST_REFUSED = "host_refused"
    UNAUTHORIZED = "unauthorized"
    SOURCE_MISSING = "source_missing"
    FETCH_FAILED = "fetch_failed"
    TIMED_OUT = "timed_out"
    VOLUME_FULL = "volume_full"
    VOLUME_UNUSABLE = "volume_unusable"


_REFUSALS: Final[Mapping[type[InvalidInput], VoiceCode]] = {
    errors.FileMissing: VoiceCode.FILE_MISSING,
    errors.DigestMismatch: VoiceCode.DIGEST_MISMATCH,
    errors.WrongBase: VoiceCode.WRONG_BASE,
    errors.TooLarge: VoiceCode.TOO_LARGE,
    errors.Malformed: VoiceCode.MALFORMED,
    errors.UnknownSpeaker: VoiceCode.UNKNOWN_SPEAKER,
    errors.UnknownLanguage: VoiceCode.UNKNOWN_LANGUAGE,
    errors.Unsupported: VoiceCode.UNSUPPORTED,
    InvalidInput: VoiceCode.INVALID,
}
_TABLE: Final[Mapping[type[Exception], VoiceCode]] = {
    **dict(_REFUSALS.items()),
    errors.EngineUnavailable: VoiceCode.ENGINE_UNAVAILABLE,
    errors.HostRefused: VoiceCode.HOST_REFUSED,
    errors.Unauthorized: VoiceCode.UNAUTHORIZED,
    errors.SourceMissing: VoiceCode.SOURCE_MISSING,
    errors.FetchFailed: VoiceCode.FETCH_FAILED,
    errors.TimedOut: VoiceCode.TIMED_OUT,
    errors.VolumeFull: VoiceCode.VOLUME_FULL,
    errors.VolumeUnusable: VoiceCode.VOLUME_UNUSABLE,
    TimbreError: VoiceCode.INTERNAL,
}


def of(error: Exception) -> VoiceCode:
    """The code of an error: by its own type, or the nearest above it; `internal` for what nobody foresaw."""
    return next((_TABLE[kind] for kind in type(error).__mro__ if kind in _TABLE), VoiceCode.INTERNAL)


def refusal(code: str, reason: str, field: str) -> InvalidInput:
    """The error of a refusal that another process put into words."""
    kind = next((kind for kind, known in _REFUSALS.items() if known == code), InvalidInput)
    return kind(reason.removeprefix(f"{field}: "), field)
