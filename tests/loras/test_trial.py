import pytest

from timbre_common.errors import InvalidInput
from timbre_loras.engine_trial import Effect

JUDGED = [
    ([0, 0.1, 0.2, 0.4], ""),
    ([0, 0.001, 0.0011, 0.0021, 0.003], ""),  # a quantised base's rounding below, saturation above
    ([0, 0.5, 0.9, 1.3, 1.2], ""),
    ([0, 0.0092, 0.0095, 0.0101, 0.0167], ""),  # too faint to tell
    ([0.01, 0.1, 0.2, 0.4], "not the base's"),
    ([0, 0, 0, 0], "changes nothing"),
    ([0, 0.3, 0.3, 0.3], "in proportion"),
    ([0, 0.1, 0.4, 1.6], "in proportion"),
]


@pytest.mark.parametrize(("changes", "why"), JUDGED)
def test_the_output_follows_the_scale(changes: list[float], why: str) -> None:
    effect = Effect([0.0, 0.125, 0.25, 0.5, 1.0][: len(changes)], changes)
    if not why:
        assert "at 0.125" in effect.judge()
        return
    with pytest.raises(InvalidInput, match=why):
        effect.judge()
