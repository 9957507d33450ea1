"""The `timbre` command: what it understands, and how its failures are told."""

import sys
from importlib import metadata
from typing import Annotated

from cyclopts import App, CycloptsError, Parameter

from timbre.commands import token
from timbre.commands.cancel import cancel
from timbre.commands.compose import compose
from timbre.commands.doctor import doctor
from timbre.commands.listen import listen
from timbre.commands.say import say
from timbre.launcher.settings import Settings
from timbre_common.errors import TimbreError

app = App(
    name="timbre",
    version=lambda: metadata.version("timbre-voices"),
    help=(
        "Voices for AI agents.\n\n"
        'Start with `timbre run`; then, in other terminals, `timbre listen` and `timbre say lisa "Bonjour à tous"`.\n\n'
        "Secrets come from the environment or from files: REDIS_URL, TIMBRE_TOKEN, TIMBRE_TOKEN_SECRET."
    ),
    result_action="return_int_as_exit_code_else_zero",
)
app.command(say)
app.command(listen)
app.command(cancel)


@app.command
def run(settings: Annotated[Settings, Parameter(name="*")] = Settings()) -> None:  # noqa: B008 -- frozen
    """Run everything on this machine: Redis, an engine, the bridge, and the voices of a folder. `make run` is this.

    Without REDIS_URL in the environment an embedded Valkey is started. Beyond loopback (--host 0.0.0.0) it serves
    HTTPS, demands a token, and prints a link and a QR code.
    """
    from timbre.launcher import launch

    launch.run(settings)


app.command(compose)
app.command(doctor)
app.command(token.app)


def main() -> None:
    """Run the command. An expected failure is one line on stderr: exit code 1, or 2 for arguments that are wrong."""
    try:
        sys.exit(app(exit_on_error=False, print_error=False))
    except CycloptsError as error:
        sys.stderr.write(f"timbre: {' '.join(str(error).split())} (timbre --help)\n")
        sys.exit(2)
    except TimbreError as error:
        sys.stderr.write(f"timbre: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
