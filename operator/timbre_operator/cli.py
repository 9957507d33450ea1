"""The command `timbre-operator`."""

import asyncio
import os
import sys
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.config import Env

from timbre_common import logs, settings
from timbre_common.errors import TimbreError
from timbre_operator import run as process
from timbre_operator.settings import Settings

_PREFIX = "TIMBRE_OPERATOR_"

app = App(
    name="timbre-operator",
    help="Makes SpeechEngines and VoiceProfiles true on Kubernetes.",
    config=Env(_PREFIX, command=False),
)


@app.command
def run(*, settings: Annotated[Settings | None, Parameter(name="*")] = None) -> None:
    """Look after SpeechEngines and VoiceProfiles until SIGTERM or Ctrl-C.

    Replicas agree by a Lease on which one works. What is missing of rights or resources is logged, and waited for.
    """
    chosen = settings or Settings()
    logs.configure(chosen.log_level)
    asyncio.run(process.run(chosen))


@app.command
def preflight(*, settings: Annotated[Settings | None, Parameter(name="*")] = None) -> None:
    """Say what the operator lacks: rights, resources, or fields of them. Exit status 1 where it lacks anything."""
    chosen = settings or Settings()
    logs.configure(chosen.log_level)
    lacking = asyncio.run(process.check(chosen))
    sys.stdout.writelines(f"{line}\n" for line in lacking or ["nothing is missing"])
    if lacking:
        sys.exit(1)


def main() -> None:
    """The process: errors are one line on standard error, and exit status 1."""
    try:
        settings.refuse_unknown_environment(os.environ, _PREFIX, Settings)
        app()
    except TimbreError as error:
        sys.exit(f"timbre-operator: {error}")
