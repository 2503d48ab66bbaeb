"""The command line. It imports nothing heavy, so that ``netsculpt --help`` is fast."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated, NoReturn

import typer

from netsculpt.cli.analyze import analyze
from netsculpt.cli.circuit import circuit
from netsculpt.cli.command import Command, Group
from netsculpt.cli.compare import compare
from netsculpt.cli.demo import demo
from netsculpt.cli.export import export
from netsculpt.cli.garbage import collect_rarely
from netsculpt.cli.importance import importance
from netsculpt.cli.messages import (
    EXIT_CODES,
    INTERRUPTED,
    USAGE,
    complain,
    empty_argument,
    explain,
    forget,
)
from netsculpt.cli.pair import pair
from netsculpt.cli.profile import profile
from netsculpt.cli.prune import prune
from netsculpt.cli.report import report
from netsculpt.cli.reuse import reuse
from netsculpt.cli.sculpt import sculpt
from netsculpt.cli.spreading import spread_option
from netsculpt.cli.streams import CLOSED_PIPE, drop_output, open_streams
from netsculpt.cli.study_folders import study_app
from netsculpt.cli.track import track
from netsculpt.cli.train import train
from netsculpt.cli.transfer import transfer
from netsculpt.cli.usage import USAGE_ERROR
from netsculpt.cli.verbosity import Quiet, Verbose, chosen_loudness, with_loudness
from netsculpt.cli.wann import wann
from netsculpt.report.terminal.loudness import at_loudness

__all__ = ["main"]
__dir__ = __all__.copy


app = typer.Typer(
    cls=Group,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=EXIT_CODES,
)
for command in (
    *(analyze, sculpt, prune, train, transfer, wann),
    *(compare, track, report, pair, reuse, importance, circuit, profile, export, demo),
):
    app.command(cls=Command, epilog=EXIT_CODES)(with_loudness(command))
app.add_typer(study_app, name="study")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    debug: Annotated[  # noqa: ARG001 - main() reads it before the arguments are parsed
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Network science of sparse neural networks.

    A sparse model becomes a weighted graph of its units. netsculpt measures its paths and finds its
    modules, their hierarchy, and their significance against a null model.

    **Examples**

    `netsculpt demo` sculpts a network and analyses it

    `netsculpt analyze model.pt -o out` analyses yours

    `netsculpt analyze weights.pth --mask masks.pkl --detector all --nulls 200`
    """
    if version:
        from netsculpt.core.version import __version__

        typer.echo(f"netsculpt {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE)
    context.with_resource(at_loudness(chosen_loudness(quiet, verbose)))


def main() -> NoReturn:
    """Run the command line and exit with a documented code."""
    open_streams()
    collect_rarely()
    code = _run()
    try:
        sys.stdout.flush()
    except OSError as error:
        code = CLOSED_PIPE if isinstance(error, BrokenPipeError) else explain(error)
        drop_output()  # else Python tries again at exit, and prints the error
    sys.exit(code)


def _run() -> int:
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    empty = empty_argument(arguments)
    if empty:
        complain(empty)
        return USAGE
    forget()  # of an earlier run in this process
    interrupts = _record_interrupts()
    arguments = spread_option(arguments, "compare", "--against")
    try:
        code = app(arguments, prog_name="netsculpt", standalone_mode=False)
    except USAGE_ERROR as error:
        return explain(error)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):
            return CLOSED_PIPE
        return stop.code if isinstance(stop.code, int) else 0
    except Exception as error:
        if debug:
            raise
        if interrupts:  # the error came from the interrupt
            complain("interrupted")
            return INTERRUPTED
        return explain(error)
    if code == INTERRUPTED:
        complain("interrupted")
    return code if isinstance(code, int) else 0


def _record_interrupts() -> list[int]:
    """Return a list that grows with each Ctrl-C.

    Compiled code that calls Python may turn the KeyboardInterrupt into another error.
    """
    interrupts: list[int] = []

    def interrupted(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        signal.default_int_handler(number, frame)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # unless it is ignored
        signal.signal(signal.SIGINT, interrupted)
    return interrupts
