"""The command `timbre-loras`: what it understands, and how its failures are told."""

import signal
import sys
from importlib import metadata

from cyclopts import App, CycloptsError

from timbre_common.command_help import docstring
from timbre_common.errors import TimbreError
from timbre_loras.commands.export import export
from timbre_loras.commands.inspect import inspect

app = App(
    name="timbre-loras",
    version=lambda: metadata.version("timbre-voices"),
    help="From recordings, or a trained adapter, to a voice file that the engine loads.",
    result_action="return_int_as_exit_code_else_zero",
)
app.command(export)
app.command(inspect)
for name in ("script", "prepare", "train", "reference", "embed", "verify", "merge", "publish", "compare", "voices"):
    told = docstring("timbre_loras.commands", name, name)
    app.command(f"timbre_loras.commands.{name}:{name}", name=name, help=told)


def main() -> None:
    """Run the command. An expected failure is one line on stderr: exit code 1, or 2 for arguments that are wrong."""
    # Whatever is under way cleans up after itself when the process is told to stop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        sys.exit(app(exit_on_error=False, print_error=False))
    except CycloptsError as error:
        sys.stderr.write(f"timbre-loras: {' '.join(str(error).split())} (timbre-loras --help)\n")
        sys.exit(2)
    except TimbreError as error:
        sys.stderr.write(f"timbre-loras: {error}\n")
        sys.exit(1)
    except ImportError as error:
        missing = error.__cause__ or error  # the first where a command itself could not be imported
        if not isinstance(missing, ModuleNotFoundError) or (missing.name or "").startswith("timbre"):
            raise
        train = "in an environment of its own 'timbre-voices[train]' (docs/training.md)"
        sys.exit(f"timbre-loras: {missing.name} is missing: pip install 'timbre-voices[loras]', or to train {train}")
    except KeyboardInterrupt:
        sys.exit(130)
