"""docs/profiles.md names every reason that a VoiceProfile can have, and no other."""

import re
from pathlib import Path

from timbre_operator.voices.reasons import VoiceReason

PAGE = Path(__file__).parents[2] / "docs" / "profiles.md"


def test_every_reason_is_described() -> None:
    _, table = PAGE.read_text().split("| reason | what it means", 1)
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {reason.value for reason in VoiceReason}
