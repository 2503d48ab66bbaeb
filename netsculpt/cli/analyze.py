"""``netsculpt analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsculpt.cli.options import (
    DATA_AWARE,
    FigureOptions,
    PlanOptions,
    Seed,
    chosen_detectors,
    jobs_option,
    refuse_figures,
    require_writable,
)
from netsculpt.cli.running import run
from netsculpt.cli.source import Source, load_source
from netsculpt.cli.takes import takes
from netsculpt.core.errors import TopologyError
from netsculpt.core.folders import require_replaceable

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph

__all__ = ["analyze"]

_NEED_DATA = ", ".join(DATA_AWARE)


@takes
def analyze(
    *,
    context: typer.Context,
    source: Source,
    plan: PlanOptions,
    task: Annotated[
        str | None,
        typer.Option(
            help=f"Data for {_NEED_DATA}, which measures only a model.pt that netsculpt wrote: the "
            "task that it was trained on, as in 'sculpt'. Not needed if 'sculpt' or 'train' wrote "
            "the model.",
        ),
    ] = None,
    jobs: Annotated[
        int, jobs_option("Null networks and seeds worked on at a time; -1 = one per core.")
    ] = 1,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for tables, graph and figures.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print summary.json instead of the report.")
    ] = False,
    figures: FigureOptions,
    dense: Annotated[
        bool, typer.Option("--dense", help="Analyse a model without masks or zero weights anyway.")
    ] = False,
) -> None:
    """Read a sparse model and report the structure of its graph.

    The report is printed first; then -o writes tables and draws figures.

    **Examples**

    `netsculpt analyze model.pt`

    `netsculpt analyze model.pth --mask mask.pkl -o out --figures pdf,svg --width icml`

    `netsculpt analyze model.safetensors --detector all --nulls 500 --json > summary.json`

    `netsculpt analyze model.pt --weights balanced,pattern -o out`

    `netsculpt analyze resnet.pth --model mypkg.nets:resnet20 --example-shape 1,3,32,32 -o out`

    `netsculpt analyze lm.pt --model nets.py:Transformer --example-shape 1,10 --example-dtype int64`
    """
    refuse_figures(context, output)
    detectors = chosen_detectors(plan.detector)
    by_data = bool(set(detectors).intersection(DATA_AWARE))
    if task is not None and not by_data:
        raise typer.BadParameter(
            f"only {_NEED_DATA} uses data: request it with --detector", param_hint="--task"
        )
    if source.model is not None and by_data:
        if task is not None or plan.detector != "all":
            raise typer.BadParameter(
                f"{_NEED_DATA} measures nets that 'sculpt' wrote, which need no --model",
                param_hint="--detector" if task is None else "--task",
            )
        detectors = _without_data(detectors, plan.detector)
    needs_own = by_data and (task is not None or plan.detector != "all")
    if output is not None:
        require_writable(output)
        require_replaceable(output, "analyze")
    loaded = load_source(source, own_for=_NEED_DATA if needs_own else None)
    _refuse_dense(loaded.graph, source.file, dense)
    if task is None and set(detectors).intersection(DATA_AWARE):
        if loaded.model is not None:
            from netsculpt.training.influence import task_name_of

            task = task_name_of(loaded.model)
        if task is None:
            detectors = _without_data(detectors, plan.detector)
    run(
        loaded,
        plan.plan(detectors),
        figures,
        seed=seed,
        task=task,
        output=output,
        jobs=jobs,
        as_json=as_json,
    )


def _refuse_dense(graph: NetGraph, model: Path, dense: bool) -> None:
    """A dense network without masks is nearly always one whose masks were forgotten."""
    unmasked = any(step.parameters.get("edges") == "nonzero" for step in graph.provenance)
    if unmasked and graph.density == 1 and not dense:
        raise TopologyError(
            f"{model} has no masks and no weight that is exactly 0, so all {graph.n_parameters:,} "
            "weights would be edges of a dense network; a sparse one is needed: pass its masks "
            "with --mask FILE, or --dense to analyse it as it is"
        )


def _without_data(detectors: list[str], requested: str) -> list[str]:
    """The detectors that need no data; raises if one that needs it was requested by name."""
    if requested != "all":
        raise typer.BadParameter(
            f"{_NEED_DATA} needs data, and this model.pt does not say which: name the task that it "
            "was trained on",
            param_hint="--task",
        )
    return [name for name in detectors if name not in DATA_AWARE]
