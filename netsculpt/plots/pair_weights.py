"""Heat map of a quantity for each input and output, such as the edge-weight product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from numpy.typing import ArrayLike

from netsculpt.core.errors import GraphError
from netsculpt.plots._drawing.axes import axes_or_new, colour_bar
from netsculpt.plots._drawing.cells import name_cells
from netsculpt.plots._drawing.colours import GREY

__all__ = ["pair_weights"]

_MOST_VECTOR_CELLS = 5000


def pair_weights(
    matrix: ArrayLike,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    label: str = "edge-weight product",
    ax: Axes | None = None,
) -> Axes:
    """Draw a matrix [inputs, outputs] as a heat map.

    Inputs are along the x axis, where a page is wide, outputs along y. A matrix without negative
    entries runs from 0 to its largest entry in a perceptually uniform colour map (cividis); a
    signed one diverges from white at 0, with both sides on one scale. NaN is grey.

    Parameters
    ----------
    matrix
        One row per input, one column per output [I, O]; for example the edge-weight products.
    input_names, output_names
        [I] and [O]; without them, rows and columns are numbered. If names do not fit, only every
        n-th is written.
    label
        What the entries are, for the colour bar.

    Raises
    ------
    GraphError
        If the matrix is not two-dimensional or the names do not fit it.

    Examples
    --------
    >>> ax = pair_weights([[0.0, 1.0], [0.5, 0.0], [2.0, 0.0]], output_names=["and", "xor"])
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['and', 'xor']
    """
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise GraphError(
            f"matrix has shape {list(values.shape)}: [inputs, outputs] is needed, at least 1 × 1"
        )
    sides = ("input", input_names, values.shape[0]), ("output", output_names, values.shape[1])
    for side, names, n in sides:
        if names is not None and len(names) != n:
            raise GraphError(
                f"{len(names)} {side} names found, the matrix has {n} {side}s: one name each is "
                "needed"
            )
    ax = axes_or_new(ax)
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max(initial=0.0)) or 1.0
    signed = bool((values < 0).any())
    mesh = ax.pcolormesh(
        values.T,
        cmap="RdBu_r" if signed else "cividis",
        norm=TwoSlopeNorm(0.0, -largest, largest) if signed else Normalize(0.0, largest),
        edgecolor="white" if values.size <= _MOST_VECTOR_CELLS else "face",
        linewidth=0.2 if values.size <= _MOST_VECTOR_CELLS else 0.0,
        rasterized=values.size > _MOST_VECTOR_CELLS,
    )
    ax.set_facecolor(GREY)
    ax.set(xlim=(0, values.shape[0]), ylim=(values.shape[1], 0), xlabel="input", ylabel="output")
    ax.spines[:].set_visible(False)
    colour_bar(ax, mesh, label)
    name_cells(ax, "y", output_names, values.shape[1])
    name_cells(ax, "x", input_names, values.shape[0])
    return ax
