"""The command `timbre-loras`: what it understands, and how its failures are told."""

import sys
from importlib import metadata

from cyclopts import App, CycloptsError

from timbre_common.errors import TimbreError
from timbre_loras.commands.export import export
from timbre_loras.commands.inspect import inspect

app = App(
    name="timbre-loras",
    version=lambda: metadata.version("timbre-voices"),
    help="From a trained adapter to a voice file that the engine loads.",
    result_action="return_int_as_exit_code_else_zero",
)
app.command(export)
app.command(inspect)
app.command("timbre_loras.commands.compare:compare", name="compare")
app.command("timbre_loras.commands.script:script", name="script")
app.command("timbre_loras.commands.voices:voices", name="voices")


def main() -> None:
    """Run the command. An expected failure is one line on stderr: exit code 1, or 2 for arguments that are wrong."""
    try:
        sys.exit(app(exit_on_error=False, print_error=False))
    except CycloptsError as error:
        sys.stderr.write(f"timbre-loras: {' '.join(str(error).split())} (timbre-loras --help)\n")
        sys.exit(2)
    except TimbreError as error:
        sys.stderr.write(f"timbre-loras: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
