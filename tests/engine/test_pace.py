import pytest

from timbre_common.errors import InvalidInput
from timbre_engine.pace import Pace, Schedule, parse


@pytest.mark.parametrize(
    ("line", "pace"),
    [
        ("rtf=0.9,first=250ms,stall=400ms@3s", Pace(0.9, 0.25, 0.4, 3.0)),
        ("rtf=1", Pace(rtf=1.0)),
        ("first=1.5s", Pace(first_s=1.5)),
        (" stall=2s@500ms , rtf=0 ", Pace(0.0, 0.0, 2.0, 0.5)),
    ],
)
def test_what_is_understood(line: str, pace: Pace) -> None:
    assert parse(line) == pace


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("", "pace"),
        ("speed=2", "pace"),
        ("rtf=fast", "pace.rtf"),
        ("rtf=-1", "pace.rtf"),
        ("rtf=inf", "pace.rtf"),
        ("rtf=1000", "pace.rtf"),
        ("rtf=1,rtf=2", "pace.rtf"),
        ("first=250", "pace.first"),
        ("first=", "pace.first"),
        ("stall=400ms", "pace.stall"),
        ("stall=400ms@", "pace.stall"),
        ("stall=@3s", "pace.stall"),
    ],
)
def test_what_is_refused_names_the_part(line: str, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(line)
    assert refused.value.field == field


def dues(pace: Pace, available: list[float], text_at: float = 0.0) -> list[float]:
    schedule = Schedule(pace, text_at)
    return [round(schedule.due(index * 1.0, 1.0, at), 6) for index, at in enumerate(available)]


@pytest.mark.parametrize(
    ("pace", "available", "expected"),
    [
        pytest.param(Pace(), [0, 0, 0], [0, 0, 0], id="no pace: at once"),
        pytest.param(Pace(rtf=0.5), [0, 0, 0], [0, 0.5, 1.0], id="each second takes its time"),
        pytest.param(Pace(rtf=0.5, first_s=0.25), [0, 0, 0], [0.25, 0.75, 1.25], id="the first takes longer"),
        pytest.param(Pace(rtf=0.5, first_s=0.25), [0.1, 0.1, 3], [0.25, 0.75, 3.5], id="lost time is not caught up"),
        pytest.param(Pace(first_s=0.25), [1, 1, 1], [1, 1, 1], id="the backend is slower than the pace"),
        pytest.param(Pace(0.5, 0, 2, 1), [0] * 4, [0, 2.5, 3, 3.5], id="one stall, before its audio"),
        pytest.param(Pace(0.5, 0, 2, 0), [0] * 3, [2, 2.5, 3], id="a stall at the start"),
        pytest.param(Pace(0.5, 0, 2, 9), [0] * 3, [0, 0.5, 1], id="a stall that is never reached"),
    ],
)
def test_when_seconds_of_audio_are_due(pace: Pace, available: list[float], expected: list[float]) -> None:
    assert dues(pace, available) == expected
    assert dues(pace, [at + 100 for at in available], text_at=100) == [due + 100 for due in expected]
