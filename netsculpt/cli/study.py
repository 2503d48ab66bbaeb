"""The command line of a study: the options that every one has, and its own."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from netsculpt.cli.messages import INTERRUPTED, complain, empty_argument, explain
from netsculpt.cli.options import wrong_jobs
from netsculpt.core.catalog import not_one_of
from netsculpt.core.counting import counted
from netsculpt.core.errors import NetsculptError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.report.terminal.progress import shown_progress
from netsculpt.studies.backends import BACKENDS, CLUSTERS
from netsculpt.studies.measuring import RESULTS
from netsculpt.studies.working import raising_cell

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pandas import DataFrame

    from netsculpt.studies.study import Results, Study

__all__ = ["Options", "at_least", "run_study", "several_of"]

Config = TypeVar("Config", bound="DataclassInstance")
Options = Mapping[str, Mapping[str, Any]]  # flag → arguments of `argparse.add_argument`

_JOBS = 2


def at_least(least: int) -> Callable[[str], int]:
    """A type of option: a whole number that is not smaller."""

    def whole_number(text: str) -> int:
        try:
            return checked_whole(int(text), "it", least=least)
        except ValueError:  # our own errors of numbers are such
            raise argparse.ArgumentTypeError(
                f"{text!r:.40} is not a whole number of at least {least}"
            ) from None

    return whole_number


def _minutes(text: str) -> float:
    try:
        return checked_number(float(text), "it", least=0)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r:.40} is not a finite number of at least 0"
        ) from None


_OF_FIELDS: Options = {  # options of the configurations that have such a field
    "--seed": {"type": at_least(0), "dest": "seed", "help": "same seed, same numbers"},
    "--seeds": {"type": at_least(1), "dest": "n_seeds", "help": "how many seeds"},
}


def run_study(
    about: str,
    study: Callable[[Config], Study[Any]],
    *,
    full: Config,
    quick: Config,
    show: Callable[[Mapping[str, DataFrame]], None],
    options: Options | None = None,
    argv: Sequence[str] | None = None,
) -> None:
    """Run a study as asked for on the command line, and show its tables.

    Parameters
    ----------
    about
        Docstring of the script; its first line is the description.
    study
        The study of a configuration; a ValueError is reported as wrong usage.
    full, quick
        The configuration, and that of ``--quick``, which must end within a minute.
    show
        Prints the tables of the results.
    options
        Further options; each sets the field of the configuration that has its name.
    argv
        Default: the arguments of the process.
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    add = parser.add_argument
    out = Path("results") / Path(sys.argv[0]).stem
    add("-o", "--out", type=Path, default=out, help=f"folder of the results (default: {out})")
    add("--quick", action="store_true", help="a few small cells, within a minute")
    add("--budget-minutes", type=_minutes, metavar="M", help="begin no cell later (default: all)")
    add("--jobs", type=int, help=f"workers; -1: one per core (default: {_JOBS})")
    add("--backend", choices=BACKENDS, help="who does the work (default: processes of loky)")
    add("--address", help="of the scheduler of Dask or Ray")
    add(
        "--results",
        choices=RESULTS,
        help="shared: workers write rows; returned: this process (default: who sees the folder)",
    )
    add("--keep-going", action="store_true", help="count cells that raise errors as failed")
    settings = {field.name for field in fields(full)}
    common = {flag: x for flag, x in _OF_FIELDS.items() if x["dest"] in settings}
    for flag, arguments in {**common, **(options or {})}.items():
        add(flag, **arguments)
    empty = empty_argument(sys.argv[1:] if argv is None else argv)
    if empty:
        parser.error(empty)
    values = vars(parser.parse_args(argv))
    changed = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in values.items()
        if name in settings and value is not None
    }
    jobs, backend = values["jobs"], values["backend"]
    wrong = None if jobs is None else wrong_jobs(jobs)
    if wrong:
        parser.error(wrong)
    if jobs is None:
        jobs = -1 if backend in CLUSTERS else _JOBS
    try:
        chosen = _chosen(study, replace(quick if values["quick"] else full, **changed), parser)
        with shown_progress() as progress:
            results = chosen.run(
                values["out"],
                jobs=jobs,
                backend=backend,
                address=values["address"],
                results=values["results"],
                keep_going=values["keep_going"],
                budget_minutes=values["budget_minutes"],
                progress=progress,
            )
        if not results.n_done:
            raise NetsculptError(
                f"no cell of {results.n_left_out} is done in {values['out']}: give a larger budget"
                if not results.failed
                else f"no cell is done in {values['out']}: {_failures(results)}"
            )
    except Exception as error:
        cell = raising_cell(error)
        if cell is not None:
            sys.exit(_explained(error, cell, values["out"]))
        if not isinstance(error, NetsculptError | OSError):
            raise
        sys.exit(explain(error))
    except KeyboardInterrupt:
        complain("interrupted; the same command does what is left")
        sys.exit(INTERRUPTED)
    show(results.tables)
    left_out = f", {results.n_left_out:,} left out by the budget" if results.n_left_out else ""
    typer.echo(f"{counted(results.n_done, 'cell')}{left_out} → {values['out']}")
    for note in results.notes:
        complain(note)
    if results.failed:
        complain(f"{_failures(results)}; the same command tries again")
        sys.exit(NetsculptError.exit_code)


def _failures(results: Results) -> str:
    """How many cells failed, and why the first of them did."""
    name, reason = next(iter(results.failed.items()))
    last = reason.strip().splitlines()[-1]
    return f"{counted(len(results.failed), 'cell')} failed, {name} because: {last}"


def _explained(error: Exception, cell: str, out: Path) -> int:
    """Print the error of a cell, and what can be done; return the exit code.

    What the study's own function raises is not a bug of netsculpt: its traceback is for the author.
    """
    code = NetsculptError.exit_code
    if isinstance(error, NetsculptError):
        code = explain(error)
        complain(cell)
    else:
        traceback.print_exception(error)  # its last line is `cell`
    complain(
        f"cells that are done are kept in {out}: once this is mended, the same command does the "
        "rest; with --keep-going it counts such cells as failed and does the others"
    )
    return code


def _chosen(
    study: Callable[[Config], Study[Any]], config: Config, parser: argparse.ArgumentParser
) -> Study[Any]:
    try:
        chosen = study(config)
    except NetsculptError:
        raise
    except ValueError as error:
        parser.error(str(error))
    if not chosen.cells:
        parser.error("these options leave no cell to measure: ask for more, or leave some out")
    return chosen


def several_of(known: Collection[str]) -> Callable[[str], tuple[str, ...]]:
    """A type of option: names with commas between them, all of them known."""

    def names(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        unknown = [name for name in chosen if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(not_one_of(unknown[0], known))
        return chosen

    return names
