"""The docs name every reason that a VoiceProfile or a SpeechEngine can have, and no other."""

import re
from enum import StrEnum
from pathlib import Path

import pytest

from timbre_operator.reasons import EngineReason
from timbre_operator.voices.reasons import VoiceReason

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "head", "reasons"),
    [
        ("profiles.md", "| reason | what it means", VoiceReason),
        ("operations.md", "| reason | what to do", EngineReason),
    ],
)
def test_every_reason_is_described(page: str, head: str, reasons: type[StrEnum]) -> None:
    _, table = (DOCS / page).read_text().split(head, 1)
    rows = [line.split("|")[1] for line in table.split("\n\n")[0].splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {reason.value for reason in reasons}
