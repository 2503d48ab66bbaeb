"""Every figure of an analysis, as wide as the column it is made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netsculpt.core.figure_style import FigureStyle
from netsculpt.core.progress import Progress
from netsculpt.graph.graph import unit_names
from netsculpt.graph.partition import Partition
from netsculpt.report.drawing import write_drawings
from netsculpt.report.words import caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from netsculpt.pipeline import Analysis, Detected

__all__ = ["figure_files", "write_figures"]

Draw = Callable[..., object]  # draws into the axes passed as `ax`
MAX_NAMED = 64  # inputs or outputs beyond which a heat map shows no names


def write_figures(
    analysis: Analysis,
    folder: Path,
    figures: FigureStyle,
    *,
    progress: Progress | None = None,
) -> None:
    """Draw the figures into `folder`, each in every format of their style."""
    if figures.formats:
        drawings = [(name, aspect, _alone(draw)) for name, aspect, draw in _drawings(analysis)]
        write_drawings(drawings, folder, figures, progress=progress)


def _alone(draw: Draw) -> Callable[[Figure], object]:
    return lambda figure: draw(ax=figure.add_subplot())


def figure_files(analysis: Analysis, figures: FigureStyle) -> list[str]:
    """Names of the files that `write_figures` writes."""
    if not figures.formats:
        return []
    return [f"{name}.{ending}" for name, _, _ in _drawings(analysis) for ending in figures.formats]


def _drawings(analysis: Analysis) -> Iterator[tuple[str, float, Draw]]:
    """Name, height ÷ width and content of each figure."""
    from netsculpt import plots

    graph = analysis.graph
    live, alive = graph.live(), analysis.effective.units  # dead units would take half of a figure
    yield "path_profile", 0.5, partial(plots.path_profile, graph, analysis.columns["path_share"])
    if analysis.paths.pair_weights is not None and min(graph.inputs.size, graph.outputs.size) > 1:
        names = unit_names(graph)
        rows, columns = ([names[unit] for unit in ends] for ends in (graph.inputs, graph.outputs))
        named = max(len(rows), len(columns)) <= MAX_NAMED
        heat_map = partial(
            plots.pair_weights,
            analysis.paths.pair_weights,
            input_names=rows if named else None,
            output_names=columns if named else None,
            label="edge-weight product (|w|)",
        )
        yield "pair_weights", 0.7, heat_map
    for each in analysis.detected:
        key, partition, verdict = each.key, each.partition, each.verdict
        kept = Partition(partition.labels[alive], partition.method)
        unsure = each.confidence if each.verdict == "unstable" else None
        sure = None if unsure is None else unsure[alive]
        drawn = partial(plots.network, live, partition=kept, confidence=sure, verdict=verdict)
        yield f"network_{key}", 0.6, drawn
        matrix = partial(plots.adjacency, live, partition=kept, verdict=verdict)
        yield f"adjacency_{key}", 1.0, matrix
        if len(each.hierarchy.modules) > 1:
            boxes = partial(plots.module_hierarchy, each.hierarchy, verdict=verdict)
            yield f"hierarchy_{key}", 0.65, boxes
        if partition.n_modules > 1:
            links = each.hierarchy.links
            cells = partial(plots.module_flow, each.flow, links=links, verdict=verdict)
            yield f"flow_{key}", 0.8, cells
        if each.significance is not None:
            yield f"null_{key}", 0.5, partial(_null_distribution, each)


def _null_distribution(each: Detected, *, ax: Axes) -> None:
    """The null distribution of Q, with the detector and the verdict above it."""
    from netsculpt import plots
    from netsculpt.plots.style import says_verdicts

    assert each.significance is not None
    plots.null_distribution(each.significance, ax=ax, label="layer-aware modularity Q", symbol="Q")
    text = caption(each, verdict=says_verdicts())
    ax.set_title(text, loc="left", fontsize="small", parse_math=False)
