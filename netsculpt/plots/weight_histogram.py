"""How large the weights of a network are."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from netsculpt.core.errors import GraphError
from netsculpt.graph.graph import WIRING, NetGraph
from netsculpt.plots._drawing.axes import axes_or_new, legend_below, shorten
from netsculpt.plots._drawing.colours import GREY, module_colours

__all__ = ["weight_histogram"]

_MOST_LAYERS: Final = 6
_LONGEST: Final = 20
_WIDE: Final = 100.0  # largest count from which the axis is logarithmic
_FEWEST, _MOST_BINS = 10, 60
_STYLES: Final = ("-", "--", ":", "-.")


def weight_histogram(graph: NetGraph, *, ax: Axes | None = None) -> Axes:
    """Draw how many weights have which value: of all, and of the edges into each layer.

    Layers are told apart if there are at most six. The axis of counts is logarithmic from 100 on,
    so that the tails are seen. An edge of a convolution is a kernel, whose weight is its L1 norm.
    Wiring, which has no parameters, is left out.

    Parameters
    ----------
    graph
        A network with weights.

    Raises
    ------
    GraphError
        If it has no weights, or some are not finite.

    Examples
    --------
    >>> from netsculpt.graph.matrices import from_matrices
    >>> graph = from_matrices([np.array([[1.0, -1.0], [0.5, 2.0]])])
    >>> ax = weight_histogram(graph)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('weight', 'edges')
    """
    by_layer: dict[str, list[np.ndarray]] = {}
    for block in graph.blocks:
        if block.kind != WIRING:
            values = graph.block(block.source, block.target).data.astype(np.float64)
            by_layer.setdefault(block.target, []).append(values)
    layers = {name: np.concatenate(parts) for name, parts in by_layer.items()}
    layers = {name: values for name, values in layers.items() if values.size}
    every = np.concatenate(list(layers.values())) if layers else np.zeros(0)
    if not every.size or not np.isfinite(every).all():
        raise GraphError(
            f"the network has {every.size} weights, {int((~np.isfinite(every)).sum())} of which "
            "are not finite: finite weights are needed"
        )
    ax = axes_or_new(ax)
    n_bins = int(np.clip(np.sqrt(every.size), _FEWEST, _MOST_BINS))
    counts, edges = np.histogram(every, n_bins)
    several = 1 < len(layers) <= _MOST_LAYERS
    ax.stairs(counts, edges, fill=True, color=GREY, alpha=0.3, label="all")
    colours = module_colours(range(len(layers)))
    for index, (name, values) in enumerate(layers.items() if several else ()):
        ax.stairs(
            np.histogram(values, edges)[0],
            edges,
            color=tuple(colours[index]),
            linestyle=_STYLES[index % len(_STYLES)],
            linewidth=0.9,
            label=shorten(name, _LONGEST),
        )
    if counts.max() > _WIDE:
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())
        ax.set_ylim(0.7, 1.5 * counts.max())
    ax.set_xlabel("weight")
    ax.set_ylabel("edges")
    if several:
        legend_below(ax, *ax.get_legend_handles_labels(), narrow=3)
    return ax
