"""``netsculpt analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsculpt.cli.options import (
    DATA_AWARE,
    EIGHT_GIB,
    AllowNonfinite,
    Detector,
    Figures,
    FigureWidth,
    Jobs,
    Mask,
    MaxBytes,
    Model,
    Null,
    Nulls,
    Seed,
    Seeds,
    Width,
    chosen_detectors,
    chosen_formats,
    require_writable,
)
from netsculpt.cli.running import load_graph, run
from netsculpt.errors import TopologyError

if TYPE_CHECKING:
    from netsculpt.graph import NetGraph

__all__ = ["analyze"]


def analyze(
    model: Model,
    mask: Mask = None,
    detector: Detector = "leiden",
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help=f"Data for {', '.join(DATA_AWARE)}: a task as 'sculpt' takes it; not needed for "
            "models that 'sculpt' wrote.",
        ),
    ] = None,
    nulls: Nulls = 100,
    null: Null = "rewire",
    stability_seeds: Seeds = 20,
    jobs: Jobs = 1,
    seed: Seed = 0,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for tables, graph and figures.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print summary.json instead of the report.")
    ] = False,
    figures: Figures = "pdf,png",
    width: FigureWidth = Width.NEURIPS,
    dense: Annotated[
        bool, typer.Option("--dense", help="Analyse a model without mask or zero weight anyway.")
    ] = False,
    max_bytes: MaxBytes = EIGHT_GIB,
    allow_nonfinite: AllowNonfinite = False,
) -> None:
    """Read a sparse model and tell what its graph is made of.

    **Examples**

    `netsculpt analyze model.pt`

    `netsculpt analyze model.pth --mask mask.pkl -o out --figures pdf,svg --width icml`

    `netsculpt analyze model.safetensors --detector all --nulls 500 --json > summary.json`
    """
    detectors = chosen_detectors(detector)
    formats = chosen_formats(figures)
    if task is not None and not set(detectors).intersection(DATA_AWARE):
        raise typer.BadParameter(
            f"only {', '.join(DATA_AWARE)} uses data: ask for it with --detector",
            param_hint="--task",
        )
    if output is not None:
        require_writable(output)
    graph = load_graph(model, mask, max_bytes, allow_nonfinite)
    _refuse_dense(graph, model, dense)
    if task is None and set(detectors).intersection(DATA_AWARE):
        task = _task_of(model)
        if task is None:
            detectors = _without_data(detectors, detector)
    arguments = {
        "model": str(model),
        "mask": None if mask is None else str(mask),
        "task": task,
        "seed": seed,
        "detectors": detectors,
        "null": null,
        "nulls": nulls,
        "stability_seeds": stability_seeds,
        "figures": formats,
        "width": width.value,
    }
    run(graph, arguments, output, jobs=jobs, as_json=as_json)


def _refuse_dense(graph: NetGraph, model: Path, dense: bool) -> None:
    """A dense network without a mask is nearly always a mask that was forgotten."""
    unmasked = any(taken.parameters.get("edges") == "nonzero" for taken in graph.provenance)
    if unmasked and graph.density == 1 and not dense:
        raise TopologyError(
            f"{model} holds no mask and no weight that is exactly 0, so all {graph.n_edges} "
            "weights would be edges of a dense network; a sparse one is needed: pass its masks "
            "with --mask FILE, or --dense to analyse it as it is"
        )


def _task_of(model: Path) -> str | None:
    """The task that a model of ours was made for; other files name none."""
    from netsculpt.training.influence import task_of

    return task_of(model)


def _without_data(detectors: list[str], asked: str) -> list[str]:
    """What can be found without data; who names a detector that needs them is told."""
    if asked != "all":
        raise typer.BadParameter(
            f"{', '.join(DATA_AWARE)} needs a model.pt of netsculpt and its data: name the task "
            "that it was trained on",
            param_hint="--task",
        )
    return [name for name in detectors if name not in DATA_AWARE]
