"""``analyze`` of several models: a table, and a folder each."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from netsculpt.cli.messages import complain, explained
from netsculpt.cli.model_files import ModelFile
from netsculpt.cli.requests import Request, ready
from netsculpt.cli.running import analysed
from netsculpt.cli.source import Source, SourceOptions
from netsculpt.core.counting import counted
from netsculpt.core.parallel import in_parallel

if TYPE_CHECKING:
    from netsculpt.report.models import ModelRow

__all__ = ["analyse_many"]


def analyse_many(
    files: Sequence[ModelFile],
    source: SourceOptions,
    request: Request,
    *,
    output: Path | None,
    jobs: int,
    as_json: bool,
) -> None:
    """Analyse models one by one, print their table and write it; exit with the first error's code.

    `jobs` models are worked on at a time. In a folder `output`, models that it already holds the
    same analysis of are read, not analysed again; others that an earlier run analysed alike keep
    their rows.
    """
    from netsculpt.report.models import earlier_rows, models_folder, write_models
    from netsculpt.report.terminal.models import print_models
    from netsculpt.report.terminal.progress import shown_progress

    one = partial(_row, files, source, request, output)
    rows: list[ModelRow] = []

    def analyse() -> None:
        with shown_progress() as report:
            report("models", 0, len(files))
            for row in in_parallel(one, len(files), jobs, partial(report, "models")):
                if row.error is not None:
                    complain(f"{row.file}: {row.error}")
                rows.append(row)

    before: list[ModelRow] = []
    if output is None:
        analyse()
    else:
        with models_folder(output, [file.name for file in files]) as names:
            analyse()
            before = earlier_rows(output, names, rows, request.plan, request.seed)
            write_models(output, [*rows, *before], request.plan, request.seed, left=names)
    if as_json:
        typer.echo(json.dumps([row.summary() for row in rows], indent=2, allow_nan=False))
    else:
        print_models(rows, request.plan, output, n_before=len(before))
    failed = [row for row in rows if row.error is not None]
    if failed:
        complain(f"{counted(len(failed), 'model')} of {len(rows):,} could not be analysed")
        sys.exit(failed[0].exit_code)


def _row(
    files: Sequence[ModelFile],
    options: SourceOptions,
    request: Request,
    output: Path | None,
    index: int,
) -> ModelRow:
    """The row of a model, read from its folder or analysed; of one that fails, why."""
    from netsculpt.report.models import ModelRow

    file = files[index]
    try:
        content, was_there = _summary(
            file, Source(file=file.path, **vars(options)), request, output
        )
    except Exception as error:  # the others are analysed all the same
        if "--debug" in sys.argv:
            raise
        text, code = explained(error)
        return ModelRow(file.name, str(file.path), None, error=text, exit_code=code)
    return ModelRow(file.name, str(file.path), content, was_there=was_there)


def _summary(
    file: ModelFile, source: Source, request: Request, output: Path | None
) -> tuple[dict[str, Any], bool]:
    """What summary.json holds of a model, and whether it was there before."""
    from netsculpt.report.folder import is_written, write_analysis
    from netsculpt.report.models import read_summary
    from netsculpt.report.summary import summary

    loaded, request = ready(source, request)
    about: dict[str, Any] = {
        "source": {**loaded.arguments(), "task": request.task},
        "figures": request.figures,
    }
    folder = None if output is None else output / file.name
    if folder is not None and is_written(folder, loaded.graph, request.plan, request.seed, **about):
        return read_summary(folder), True
    analysis = analysed(loaded, request.plan, seed=request.seed, task=request.task)
    if folder is not None:
        write_analysis(analysis, folder, **about)
    return summary(analysis), False
