"""What `analyze` and `demo` do with a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from netsculpt.cli.options import DATA_AWARE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netsculpt.graph import NetGraph
    from netsculpt.pipeline import Analysis

__all__ = ["load_graph", "run"]


def load_graph(model: Path, mask: Path | None, max_bytes: int, allow_nonfinite: bool) -> NetGraph:
    """The graph of a file."""
    from netsculpt.loading import load

    return load(model, mask=mask, max_bytes=max_bytes, allow_nonfinite=allow_nonfinite)


def run(
    graph: NetGraph,
    arguments: dict[str, Any],
    output: Path | None,
    *,
    jobs: int = 1,
    as_json: bool = False,
) -> Analysis:
    """Analyse a graph, write the folder, print the report."""
    from netsculpt.pipeline import analyze
    from netsculpt.report.folder import write_folder
    from netsculpt.report.progress import progress_bars
    from netsculpt.report.summary import summary_json
    from netsculpt.report.terminal import print_report

    with progress_bars() as progress:
        found = analyze(
            graph,
            rng=arguments["seed"],
            detectors=arguments["detectors"],
            influence=_influence(arguments),
            null=arguments["null"],
            n_nulls=arguments["nulls"],
            n_seeds=arguments["stability_seeds"],
            jobs=jobs,
            progress=progress,
        )
        if output is not None:
            write_folder(found, output, arguments, progress=progress)
    if as_json:
        typer.echo(summary_json(found))
    else:
        print_report(found, output)
    return found


def _influence(arguments: dict[str, Any]) -> NDArray[np.float64] | None:
    """What units carry on the task's data, if a detector asks for it."""
    if not set(arguments["detectors"]).intersection(DATA_AWARE):
        return None
    from netsculpt.training.influence import measured_influence
    from netsculpt.training.tasks import given_task

    return measured_influence(arguments["model"], given_task(arguments["task"], rng=0))
