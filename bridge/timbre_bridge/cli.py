"""The command `timbre-bridge`."""

import asyncio
import os
import sys
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.config import Env

from timbre_bridge import bridge
from timbre_bridge.settings import Settings
from timbre_common import logs, settings
from timbre_common.errors import TimbreError
from timbre_common.names import DEFAULT_REDIS_URL, ENV_REDIS_URL

_PREFIX = "TIMBRE_BRIDGE_"

app = App(
    name="timbre-bridge",
    help="Turns what agents publish on Redis into speech that streams to listeners over WebSocket.",
    config=Env(_PREFIX, command=False),
)


@app.command
def serve(*, settings: Annotated[Settings | None, Parameter(name="*")] = None) -> None:
    """Serve listeners until SIGTERM or Ctrl-C.

    The variable REDIS_URL names the Redis (default: redis://127.0.0.1:6390).
    """
    chosen = settings or Settings()
    logs.configure(chosen.log_level)
    asyncio.run(bridge.run(chosen, os.environ.get(ENV_REDIS_URL, DEFAULT_REDIS_URL)))


def main() -> None:
    """The process: errors are one line on standard error, and exit status 1."""
    try:
        settings.refuse_unknown_environment(os.environ, _PREFIX, Settings)
        app()
    except TimbreError as error:
        sys.exit(f"timbre-bridge: {error}")
