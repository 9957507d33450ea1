import pytest

from timbre_common import errors, voice_codes
from timbre_common.errors import InvalidInput, TimbreError
from timbre_common.voice_codes import VoiceCode

REFUSALS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, InvalidInput)]


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_comes_back_from_its_code(kind: type[InvalidInput]) -> None:
    told = kind("it is wrong", "adapter.digest")
    back = voice_codes.refusal(voice_codes.of(told), str(told), told.field)
    assert (type(back), str(back), back.field) == (kind, "adapter.digest: it is wrong", "adapter.digest")


def test_no_two_refusals_share_a_code() -> None:
    assert len({voice_codes.of(kind("")) for kind in REFUSALS}) == len(REFUSALS)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.TimedOut("late"), VoiceCode.TIMED_OUT),
        (errors.FetchFailed("away"), VoiceCode.FETCH_FAILED),
        (errors.VolumeFull("full"), VoiceCode.VOLUME_FULL),
        (errors.VolumeUnusable("read-only"), VoiceCode.VOLUME_UNUSABLE),
        (errors.HostRefused("private"), VoiceCode.HOST_REFUSED),
        (errors.SourceMissing("404"), VoiceCode.SOURCE_MISSING),
        (errors.Unauthorized("401"), VoiceCode.UNAUTHORIZED),
        (errors.EngineUnavailable("away"), VoiceCode.ENGINE_UNAVAILABLE),
        (errors.Busy("full"), VoiceCode.INTERNAL),
        (TimbreError("?"), VoiceCode.INTERNAL),
        (ValueError("?"), VoiceCode.INTERNAL),
    ],
)
def test_the_nearest_kind_gives_the_code(error: Exception, code: VoiceCode) -> None:
    assert voice_codes.of(error) is code


def test_a_code_that_nobody_knows_is_a_plain_refusal() -> None:
    assert type(voice_codes.refusal("new", "it is wrong", "")) is InvalidInput
