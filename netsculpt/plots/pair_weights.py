"""Heat map of a quantity for each input and output, such as the edge-weight product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from numpy.typing import ArrayLike

from netsculpt.core.errors import GraphError
from netsculpt.plots._drawing.axes import (
    LITERAL,
    axes_or_new,
    colour_bar,
    shorten,
    size_in_points,
    text_width,
    tick_size,
)
from netsculpt.plots._drawing.colours import GREY

__all__ = ["pair_weights"]

_LONGEST_NAME = 16
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
    _name(ax, "y", output_names, values.shape[1])
    _name(ax, "x", input_names, values.shape[0])
    return ax


def _name(ax: Axes, axis: Literal["x", "y"], names: Sequence[str] | None, n: int) -> None:
    """Label the middles of the cells; turn or skip labels that would touch."""
    texts = [str(cell) for cell in range(n)] if names is None else list(names)
    texts = [shorten(text, _LONGEST_NAME) for text in texts]
    target = ax.xaxis if axis == "x" else ax.yaxis
    size = tick_size(ax)
    room = size_in_points(ax)["xy".index(axis)] / max(n, 1)
    widest = max((text_width(text, size) for text in texts), default=0.0) + 0.6 * size
    upright = axis == "x" and widest > room and names is not None
    needed = widest if axis == "x" and not upright else 1.25 * size
    every = _round_up(int(np.ceil(needed / room)), numbered=names is None)
    cells = np.arange(0, n, every)
    target.set_ticks(
        cells + 0.5, [texts[cell] for cell in cells], rotation=90 if upright else 0, **LITERAL
    )
    ax.tick_params(axis=axis, length=0)


def _round_up(step: int, *, numbered: bool) -> int:
    """Round up to 1, 2, 5, 10, … so that numbers on an axis are easy to read."""
    if not numbered:
        return step
    power = int(10 ** (len(str(step)) - 1))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)
