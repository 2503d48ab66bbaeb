"""``netsculpt study``: look at the folder of a study, resume it, collect its rows."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netsculpt.cli.command import Command, Group
from netsculpt.cli.messages import EXIT_CODES, note
from netsculpt.cli.options import AsJson, jobs_option, require_writable
from netsculpt.cli.verbosity import with_loudness
from netsculpt.core.catalog import meant

if TYPE_CHECKING:
    from pandas import DataFrame

    from netsculpt.studies.begun import Begun

__all__ = ["study_app"]

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where a study writes.")]

study_app = typer.Typer(
    cls=Group,
    rich_markup_mode="markdown",
    help="Look at the folder of a study while it runs or afterwards, resume it, collect its rows.",
    epilog=EXIT_CODES,
)


@study_app.command(cls=Command, epilog=EXIT_CODES)
@with_loudness
def status(folder: Folder, as_json: AsJson = False) -> None:
    """How many cells are done, running, failed and left, how long the rest takes, who runs it.

    Nothing is changed, and a study that is running is not disturbed.

    **Examples**

    `netsculpt study status results/lee2020_signal`

    `netsculpt study status results/lee2020_signal --json`
    """
    from netsculpt.report.terminal.study import print_status
    from netsculpt.studies.status import status as status_of

    found = status_of(folder)
    _warn_of_copy(found.begun, folder)
    if as_json:
        typer.echo(json.dumps(found.summary(), indent=2, allow_nan=False))
    else:
        print_status(found)


@study_app.command(cls=Command, epilog=EXIT_CODES)
@with_loudness
def resume(
    folder: Folder,
    jobs: Annotated[int, jobs_option("Workers of a sculpting; -1: one per core.")] = 1,
) -> None:
    """Finish what is left: a sculpting at once; of another study, print the command that does.

    A study is a program of yours: netsculpt runs no command that a file in the folder names. While
    the study is running elsewhere, the same command helps with the cells that are left. Files of
    cells that are damaged are named first.

    **Examples**

    `netsculpt study resume runs`

    `eval "$(netsculpt study resume results/lee2020_signal)"` if you trust who made the folder
    """
    from netsculpt.studies.folder import PLAN
    from netsculpt.studies.status import rows_so_far
    from netsculpt.studies.status import status as status_of

    if folder.joinpath(PLAN).is_file():
        from netsculpt.cli.sculpt import resume_sculpting

        resume_sculpting(folder, jobs)
        return
    found = status_of(folder)
    rows_so_far(folder)  # raises if files of cells are damaged: the command would refuse them
    if found.n_done == found.n_cells:
        note("no cell is left to do; the command makes the tables again")
    _warn_of_copy(found.begun, folder)
    typer.echo(found.begun.line)


def _warn_of_copy(begun: Begun, folder: Path) -> None:
    """Say so if the command of a study writes elsewhere."""
    if not begun.is_of(folder):
        note(
            f"{folder} is a copy, or was moved: the command of its study writes to "
            f"{begun.folder}; to go on in this folder, change its -o to {folder.resolve()}"
        )


@study_app.command(cls=Command, epilog=EXIT_CODES)
@with_loudness
def table(
    folder: Folder,
    name: Annotated[
        str | None, typer.Option("--table", help="Which, if there are several.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A .csv or .parquet; default: CSV here.")
    ] = None,
) -> None:
    """Rows of the cells that are done so far, while a study runs or afterwards.

    **Examples**

    `netsculpt study table results/lee2020_signal --table speeds -o speeds.parquet`

    `netsculpt study table results/lee2020_signal --table speeds | head`
    """
    from netsculpt.report.terminal.files import print_file
    from netsculpt.studies.status import rows_so_far

    if output is not None:
        if output.suffix not in (".csv", ".parquet"):
            raise typer.BadParameter(
                f"{output.name!r} ends in {output.suffix!r}: .csv or .parquet is needed",
                param_hint="-o",
            )
        require_writable(output.parent)
    from pandas import DataFrame

    frame = DataFrame(_chosen(rows_so_far(folder), name, folder))
    if output is None:
        frame.to_csv(sys.stdout, index=False)
    else:
        _write(frame, output)
        print_file(output)


def _chosen(rows: Mapping[str, Sequence[Mapping[str, Any]]], name: str | None, folder: Path) -> Any:
    if not rows:
        raise typer.BadParameter("no cell is done yet", param_hint="FOLDER")
    if name is None and len(rows) == 1:
        (name,) = rows
    if name is None or name not in rows:
        known = ", ".join(map(repr, rows))
        wrong = "there are several tables" if name is None else _not_of_rows(name, folder)
        hint = meant(name or "", rows)
        raise typer.BadParameter(
            f"{wrong}: name one of {known}{hint and f'; {hint}'}", param_hint="--table"
        )
    return rows[name]


def _not_of_rows(name: str, folder: Path) -> str:
    """Why a table has no rows of its own: it is made from those of others, or does not exist."""
    made = folder / f"{name}.csv"
    if made.parent == folder and made.is_file():
        return f"{name!r} is made from rows at the end of each run, and is in {made}; of rows"
    return f"{name!r} is not a table"


def _write(frame: DataFrame, path: Path) -> None:
    from netsculpt.core.writing import replacing

    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        if path.suffix == ".csv":
            frame.to_csv(file, index=False)
        else:
            frame.to_parquet(file, index=False)
