"""``netsculpt analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.many import analyse_many
from netsculpt.cli.messages import say_interrupted
from netsculpt.cli.model_files import is_several, model_files
from netsculpt.cli.options import (
    DATA_AWARE,
    ModuleFigureOptions,
    PlanOptions,
    Seed,
    chosen_detectors,
    jobs_option,
    refuse_figures,
    require_writable,
)
from netsculpt.cli.requests import NEED_DATA, Request, ready
from netsculpt.cli.running import run
from netsculpt.cli.source import FILE_HELP, Source, SourceOptions
from netsculpt.cli.takes import takes
from netsculpt.core.folders import require_replaceable

__all__ = ["analyze"]


@takes
def analyze(
    *,
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help=f"{FILE_HELP} Several files, folders and patterns make one table.",
        ),
    ],
    source: SourceOptions,
    plan: PlanOptions,
    task: Annotated[
        str | None,
        typer.Option(
            help=f"Data for {NEED_DATA}, which measures only a model.pt that netsculpt wrote: the "
            "task that it was trained on, as in 'sculpt'. Not needed if 'sculpt' or 'train' wrote "
            "the model.",
        ),
    ] = None,
    jobs: Annotated[
        int,
        jobs_option("Null networks and seeds, or models, worked on at a time; -1 = one per core."),
    ] = 1,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for page, tables, graph, figures.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print summary.json instead of the report.")
    ] = False,
    figures: ModuleFigureOptions,
    dense: Annotated[
        bool, typer.Option("--dense", help="Analyse a model without masks or zero weights anyway.")
    ] = False,
) -> None:
    """Read a sparse model and report the structure of its graph; of several models, one table.

    The report is printed first; then -o writes a page for the browser, tables and figures. Of
    several models, -o writes models.csv, models.json and a folder each. A model that cannot be
    analysed does not stop the others: its row says why, and the exit code is that of the first such
    error. After an interruption, or with more models, the same command analyses only what is not
    there yet.

    **Examples**

    `netsculpt analyze model.pt`

    `netsculpt analyze model.pth --mask mask.pkl -o out --figures pdf,svg --width icml`

    `netsculpt analyze model.safetensors --detector all --nulls 500 --json > summary.json`

    `netsculpt analyze model.pt --weights balanced,pattern -o out`

    `netsculpt analyze resnet.pth --model mypkg.nets:resnet20 --example-shape 1,3,32,32 -o out`

    `netsculpt analyze lm.pt --model nets.py:Transformer --example-shape 1,10 --example-dtype int64`

    `netsculpt analyze seed0.pt seed1.pt runs/ 'more/*.safetensors' -o out -j -1`
    """
    refuse_figures(context, output)
    detectors = chosen_detectors(plan.detector)
    by_data = bool(set(detectors).intersection(DATA_AWARE))
    if task is not None and not by_data:
        raise typer.BadParameter(
            f"only {NEED_DATA} uses data: request it with --detector", param_hint="--task"
        )
    if source.model is not None and by_data:
        if task is not None or plan.detector != "all":
            raise typer.BadParameter(
                f"{NEED_DATA} measures nets that 'sculpt' wrote, which need no --model",
                param_hint="--detector" if task is None else "--task",
            )
        detectors = [name for name in detectors if name not in DATA_AWARE]
    request = Request(
        plan.plan(detectors),
        figures.style,
        seed,
        task,
        dense,
        needs_own=by_data and (task is not None or plan.detector != "all"),
    )
    if output is not None:
        require_writable(output)
    if len(files) == 1 and not is_several(files[0]):
        if output is not None:
            require_replaceable(output, "analyze")
            say_interrupted(output)
        loaded, request = ready(Source(file=files[0], **vars(source)), request)
        run(
            loaded,
            request.plan,
            request.figures,
            seed=seed,
            task=request.task,
            output=output,
            jobs=jobs,
            as_json=as_json,
        )
        return
    analyse_many(model_files(files), source, request, output=output, jobs=jobs, as_json=as_json)
