"""``netsculpt analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netsculpt.cli.models import asked_net, live_net
from netsculpt.cli.options import (
    DATA_AWARE,
    EIGHT_GIB,
    AllowNonfinite,
    Detector,
    EdgeNorm,
    ExampleDtype,
    ExampleShape,
    Figures,
    FigureWidth,
    Granularity,
    Jobs,
    Mask,
    MaxBytes,
    MaxEdges,
    Net,
    NoFoldNorms,
    Null,
    Nulls,
    Seed,
    Seeds,
    Unroll,
    Weights,
    Width,
    chosen_detectors,
    chosen_formats,
    require_writable,
)
from netsculpt.cli.running import load_graph, run
from netsculpt.core.errors import TopologyError

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph

__all__ = ["analyze"]


def analyze(
    weights: Weights,
    mask: Mask = None,
    detector: Detector = "layered",
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
    net: Net = None,
    example_shape: ExampleShape = None,
    example_dtype: ExampleDtype = None,
    edge_norm: EdgeNorm = None,
    granularity: Granularity = None,
    unroll: Unroll = None,
    no_fold_norms: NoFoldNorms = False,
    max_edges: MaxEdges = None,
) -> None:
    """Read a sparse model and tell what its graph is made of.

    The report is printed as soon as it is known; then -o writes tables and draws figures.

    **Examples**

    `netsculpt analyze model.pt`

    `netsculpt analyze model.pth --mask mask.pkl -o out --figures pdf,svg --width icml`

    `netsculpt analyze model.safetensors --detector all --nulls 500 --json > summary.json`

    `netsculpt analyze resnet.pth --model mypkg.nets:resnet20 --example-shape 1,3,32,32 -o out`

    `netsculpt analyze lm.pt --model nets.py:Transformer --example-shape 1,10 --example-dtype int64`
    """
    detectors = chosen_detectors(detector)
    formats = chosen_formats(figures)
    if task is not None and not set(detectors).intersection(DATA_AWARE):
        raise typer.BadParameter(
            f"only {', '.join(DATA_AWARE)} uses data: ask for it with --detector",
            param_hint="--task",
        )
    asked = asked_net(
        net,
        example_shape,
        example_dtype,
        edge_norm=edge_norm,
        granularity=granularity,
        unroll=unroll,
        fold_norms=False if no_fold_norms else None,
        max_edges=max_edges,
    )
    if asked is not None and set(detectors).intersection(DATA_AWARE):
        if task is not None or detector != "all":
            raise typer.BadParameter(
                f"{', '.join(DATA_AWARE)} measures nets that 'sculpt' wrote, which need no --model",
                param_hint="--detector" if task is None else "--task",
            )
        detectors = _without_data(detectors, detector)
    if output is not None:
        require_writable(output)
    live = None if asked is None else live_net(asked)
    graph = load_graph(weights, mask, max_bytes, allow_nonfinite, live)
    _refuse_dense(graph, weights, dense)
    if task is None and set(detectors).intersection(DATA_AWARE):
        task = _task_of(weights)
        if task is None:
            detectors = _without_data(detectors, detector)
    arguments = {
        "model": str(weights),
        "mask": None if mask is None else str(mask),
        "task": task,
        "seed": seed,
        "detectors": detectors,
        "null": null,
        "nulls": nulls,
        "stability_seeds": stability_seeds,
        "figures": formats,
        "width": width.value,
        **({} if asked is None else {"net": {**asked.arguments, **asked.options}}),
    }
    run(graph, arguments, output, jobs=jobs, as_json=as_json, live=live)


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
    from netsculpt.training.influence import task_name_of

    return task_name_of(model)


def _without_data(detectors: list[str], asked: str) -> list[str]:
    """What can be found without data; who names a detector that needs them is told."""
    if asked != "all":
        raise typer.BadParameter(
            f"{', '.join(DATA_AWARE)} needs a model.pt of netsculpt and its data: name the task "
            "that it was trained on",
            param_hint="--task",
        )
    return [name for name in detectors if name not in DATA_AWARE]
