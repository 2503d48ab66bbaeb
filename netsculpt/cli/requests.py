"""What ``analyze`` is asked for, whichever file it is asked of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from netsculpt.cli.options import DATA_AWARE
from netsculpt.cli.source import Loaded, Source, load_source
from netsculpt.core.errors import TopologyError
from netsculpt.core.figure_style import FigureStyle

if TYPE_CHECKING:
    from netsculpt.graph.graph import NetGraph
    from netsculpt.pipeline import AnalysisPlan

__all__ = ["NEED_DATA", "Request", "ready"]

NEED_DATA = ", ".join(DATA_AWARE)


@dataclass(frozen=True)
class Request:
    """An analysis to be done of one file or of each of several."""

    plan: AnalysisPlan
    figures: FigureStyle
    seed: int
    task: str | None  # as in 'sculpt'; None: what the file says
    dense: bool  # whether a dense network is meant
    needs_own: bool  # whether a detector that needs data was asked for by name, or a task


def ready(source: Source, request: Request) -> tuple[Loaded, Request]:
    """The graph of a file, and what it can be asked for: not what needs data that it lacks."""
    loaded = load_source(source, own_for=NEED_DATA if request.needs_own else None)
    _refuse_dense(loaded.graph, source.file, request.dense)
    if request.task is not None or not set(request.plan.detectors).intersection(DATA_AWARE):
        return loaded, request
    if loaded.model is not None:
        from netsculpt.training.influence import task_name_of

        task = task_name_of(loaded.model)
        if task is not None:
            return loaded, replace(request, task=task)
    if request.needs_own:
        raise typer.BadParameter(
            f"{NEED_DATA} needs data, and this model.pt does not say which: name the task that it "
            "was trained on",
            param_hint="--task",
        )
    kept = tuple(name for name in request.plan.detectors if name not in DATA_AWARE)
    return loaded, replace(request, plan=replace(request.plan, detectors=kept))


def _refuse_dense(graph: NetGraph, model: Path, dense: bool) -> None:
    """A dense network without masks is nearly always one whose masks were forgotten."""
    unmasked = any(step.parameters.get("edges") == "nonzero" for step in graph.provenance)
    if unmasked and graph.density == 1 and not dense:
        raise TopologyError(
            f"{model} has no masks and no weight that is exactly 0, so all {graph.n_parameters:,} "
            "weights would be edges of a dense network; a sparse one is needed: pass its masks "
            "with --mask FILE, or --dense to analyse it as it is"
        )
