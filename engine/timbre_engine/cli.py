"""The command `timbre-engine`."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.config import Env

from timbre_common import logs, names, settings
from timbre_common.command_help import docstring
from timbre_common.errors import DigestMismatch, SetupError, TimbreError
from timbre_engine import ending
from timbre_engine.admin_tokens import AdminTokens
from timbre_engine.fetcher.settings import Settings as FetcherSettings
from timbre_engine.server import serve as run_server
from timbre_engine.settings import Settings

_PREFIX = "TIMBRE_ENGINE_"
_FETCHER_PREFIX = "TIMBRE_FETCHER_"

app = App(
    name="timbre-engine",
    help="Speech for Timbre's agents: text in, audio out, over HTTP and WebSocket.",
    config=Env(_PREFIX, command=False),
)


for _name, _function in {
    "pull": "pull:pull",
    "convert": "convert:convert",
    "inspect": "convert:inspect",
    "synthesize-model": "convert:synthesize_model",
    "adapter-effect": "adapter_effect:adapter_effect",
    "codes": "codes:codes",
    "decode": "decode:decode",
    "score": "score:score",
}.items():  # named, not imported: serving does not need what conversion does
    _told = docstring("timbre_engine.commands", *_function.split(":"))
    app.command(f"timbre_engine.commands.{_function}", name=_name, help=_told)


@app.command
def serve(*, settings: Annotated[Settings | None, Parameter(name="*")] = None) -> None:
    """Serve speech until SIGTERM or Ctrl-C.

    The administration wants a token: in the variable TIMBRE_ENGINE_ADMIN_TOKEN, or in a file (--admin-token-file).
    """
    chosen = settings or Settings()
    logs.configure(chosen.log_level)
    asyncio.run(run_server(chosen, _admin_tokens(chosen, os.environ)))


_fetcher = App(name="fetcher", config=Env(_FETCHER_PREFIX, command=False))
app.command(_fetcher)


@_fetcher.default
def fetcher(*, settings: Annotated[FetcherSettings | None, Parameter(name="*")] = None) -> None:
    """Stand before an engine in its pod: fetch the files that its voices name, and pass the voices on.

    Its variables are TIMBRE_FETCHER_<NAME>. It wants the administration's tokens in a file (--token-file).
    """
    from timbre_engine.fetcher.server import serve as run_fetcher  # serving does not need what fetching does

    chosen = settings or FetcherSettings()
    logs.configure(chosen.log_level)
    asyncio.run(run_fetcher(chosen))


def main() -> None:
    """The process: errors are one line on standard error, and exit status 1; 3 for a file with another digest."""
    # Whatever is under way cleans up after itself when the process is told to stop; serving drains instead.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        settings.refuse_unknown_environment(os.environ, _PREFIX, Settings, also=(names.ENV_ADMIN_TOKEN,))
        settings.refuse_unknown_environment(os.environ, _FETCHER_PREFIX, FetcherSettings)
        app()
    except TimbreError as error:
        ending.leave_word(str(error))
        sys.stderr.write(f"timbre-engine: {error}\n")
        sys.exit(names.EXIT_OTHER_FILE if isinstance(error, DigestMismatch) else 1)
    except ImportError as error:
        # Only commands beside `serve` are imported when they are asked for; the extra `convert` brings what each needs.
        missing = error.__cause__ or error
        if not isinstance(missing, ModuleNotFoundError) or (missing.name or "").startswith("timbre"):
            raise
        sys.exit(f"timbre-engine: {missing.name} is missing: install the extra `convert` (timbre-voices[convert])")


def _admin_tokens(chosen: Settings, environ: Mapping[str, str]) -> AdminTokens:
    if chosen.admin_token_file is not None:
        return AdminTokens.of_file(chosen.admin_token_file)
    token = environ.get(names.ENV_ADMIN_TOKEN, "").strip()
    if not token:
        raise SetupError(f"the administration wants a token: {names.ENV_ADMIN_TOKEN} is empty or not set")
    return AdminTokens([token])
