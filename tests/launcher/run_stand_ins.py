"""`timbre run` with the stand-ins in place of engine and bridge: the launcher's own command line and failures."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from timbre import cli
from timbre.launcher import launch
from timbre.launcher.plan import Programs
from timbre.launcher.settings import Settings

STAND_INS = str(Path(__file__).with_name("stand_ins.py"))
PROGRAMS = Programs(
    engine=(sys.executable, STAND_INS, "engine"),
    bridge=(sys.executable, STAND_INS, "bridge"),
)

app = cli.app


def run(settings: Annotated[Settings, Parameter(name="*")] = Settings()) -> None:  # noqa: B008 -- frozen
    """As `timbre run`."""
    launch.run(settings, PROGRAMS)


del app["run"]
app.command(run)
cli.main()
