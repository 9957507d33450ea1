"""The generated files: where they lie and what is in them."""

import json
from pathlib import Path
from typing import Any, Final

from timbre_charts import dashboards, schema

CHART: Final = Path(__file__).parents[1] / "timbre"
SPEECH_ENGINE: Final = CHART / "crds" / "speechengines.timbre.dev.yaml"


def generated() -> dict[Path, str]:
    """The text of each generated file."""
    return {
        CHART / "values.schema.json": _json(schema.values(schema.engine_spec(SPEECH_ENGINE))),
        **{CHART / "dashboards" / f"{board.uid}.json": board.text() for board in dashboards.ALL},
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"
