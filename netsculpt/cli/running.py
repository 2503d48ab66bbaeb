"""What `analyze` and `demo` do with a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from netsculpt.cli.options import DATA_AWARE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netsculpt.cli.models import LiveNet
    from netsculpt.graph.graph import NetGraph
    from netsculpt.pipeline import Analysis

__all__ = ["load_graph", "run"]


def load_graph(
    weights: Path,
    mask: Path | None,
    max_bytes: int,
    allow_nonfinite: bool,
    live: LiveNet | None = None,
) -> NetGraph:
    """The graph of a file, or of a net with the weights of the file."""
    from netsculpt.loading import load, load_into

    if live is None:
        return load(weights, mask=mask, max_bytes=max_bytes, allow_nonfinite=allow_nonfinite)
    net = live.given.net
    loaded = load_into(
        net, weights, mask=mask, max_bytes=max_bytes, allow_nonfinite=allow_nonfinite
    )
    return live.graph(loaded)


def run(
    graph: NetGraph,
    arguments: dict[str, Any],
    output: Path | None,
    *,
    jobs: int = 1,
    as_json: bool = False,
    live: LiveNet | None = None,
) -> Analysis:
    """Analyse a graph, print the report, then write the folder; hold it against its net at hand."""
    from netsculpt.pipeline import analyze
    from netsculpt.report.folder import write_folder
    from netsculpt.report.summary import summary_json
    from netsculpt.report.terminal.analysis import print_report, print_written
    from netsculpt.report.terminal.progress import progress_bars

    fidelity = None if live is None else live.fidelity(graph)
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
    try:
        if as_json:
            typer.echo(summary_json(found, fidelity=fidelity))
        else:
            print_report(found, fidelity=fidelity)
    finally:  # whoever reads the first lines and closes the pipe gets the folder nevertheless
        if output is not None:
            with progress_bars() as progress:
                write_folder(found, output, arguments, fidelity=fidelity, progress=progress)
    if not as_json:
        print_written(output)
    return found


def _influence(arguments: dict[str, Any]) -> NDArray[np.float64] | None:
    """What units carry on the task's data, if a detector asks for it."""
    if not set(arguments["detectors"]).intersection(DATA_AWARE):
        return None
    from netsculpt.training.influence import measured_influence
    from netsculpt.training.tasks import parse_task

    return measured_influence(arguments["model"], parse_task(arguments["task"], rng=0))
