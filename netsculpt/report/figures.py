"""Every figure of an analysis, at the width of the page that it is made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netsculpt.graph import unit_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from netsculpt.pipeline import Analysis, Progress

__all__ = ["write_figures"]

Draw = Callable[["Axes"], object]
MAX_NAMED = 64  # inputs or outputs beyond which a heat map shows no names


def write_figures(
    found: Analysis,
    folder: Path,
    formats: Sequence[str],
    width: str,
    *,
    progress: Progress | None = None,
) -> list[Path]:
    """Draw the figures into `folder`, each in every format; returns the files."""
    if not formats:
        return []
    from netsculpt.plots import style

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    drawings = list(_drawings(found))
    for done, (name, aspect, draw) in enumerate(drawings):
        if progress is not None:
            progress("figures", done, len(drawings))
        with style.paper(width):
            figure = style.figure(width, aspect)
            draw(figure.add_subplot())
            for ending in formats:
                path = folder / f"{name}.{ending}"
                style.write_figure(figure, path)
                written.append(path)
    if progress is not None:
        progress("figures", len(drawings), len(drawings))
    return written


def _drawings(found: Analysis) -> Iterator[tuple[str, float, Draw]]:
    """Name, height ÷ width and content of each figure."""
    from netsculpt import plots

    graph = found.graph
    share = found.columns["path_share"]
    yield "path_profile", 0.5, lambda ax: plots.path_profile(graph, share, ax=ax)
    if found.paths.pair_weights is not None:
        pairs, names = found.paths.pair_weights, unit_names(graph)
        rows, columns = ([names[u] for u in units] for units in (graph.inputs, graph.outputs))
        named = max(len(rows), len(columns)) <= MAX_NAMED
        yield (
            "pair_weights",
            0.7,
            lambda ax: plots.pair_weights(
                pairs,
                input_names=rows if named else None,
                output_names=columns if named else None,
                ax=ax,
            ),
        )
    for each in found.detected:
        at = each.detector
        yield (
            f"network_{at}",
            0.6,
            lambda ax, each=each: plots.network(graph, partition=each.partition, ax=ax),
        )
        yield (
            f"adjacency_{at}",
            1.0,
            lambda ax, each=each: plots.adjacency(graph, partition=each.partition, ax=ax),
        )
        yield (
            f"hierarchy_{at}",
            0.6,
            lambda ax, each=each: plots.module_hierarchy(each.hierarchy, ax=ax),
        )
        if each.significance is not None:
            yield (
                f"null_{at}",
                0.5,
                lambda ax, each=each: plots.null_distribution(
                    each.significance, ax=ax, label="layer-aware modularity Q"
                ),
            )
