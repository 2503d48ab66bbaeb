"""What each output loses without each module: a matrix of modules and outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from numpy.typing import ArrayLike, NDArray

from netsculpt.core.errors import GraphError
from netsculpt.core.numbers import checked_fraction
from netsculpt.plots._drawing.axes import axes_or_new, colour_bar, lines_that_fit, size_in_points
from netsculpt.plots._drawing.cells import name_cells
from netsculpt.plots._drawing.colours import GREY

__all__ = ["lesion_map"]

_MOST_VECTOR_CELLS = 5000
_LARGEST_STAR = 7.0  # points


def lesion_map(
    effect: ArrayLike,
    *,
    q: ArrayLike | None = None,
    module_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    label: str = "loss of accuracy",
    level: float = 0.05,
    ax: Axes | None = None,
) -> Axes:
    """Draw what outputs (or functions) lose when modules are silenced, with stars for what counts.

    Modules are along y, outputs along x. Losses run from 0 in a perceptually uniform colour map; if
    some cells gain, the map diverges from white at 0. NaN, not measured, is grey.

    Parameters
    ----------
    effect
        [modules, outputs], such as the loss of accuracy.
    q
        P-values of the same shape, adjusted for the number of tests; a cell below `level` has a
        star. Without them no cell has one.
    module_names, output_names
        [modules] and [outputs]; without them, rows and columns are numbered.
    label
        What the entries are, for the colour bar.
    level
        Largest share of wrong stars.

    Raises
    ------
    GraphError
        If the matrix is not two-dimensional, or q or names do not fit it.

    Examples
    --------
    >>> ax = lesion_map([[0.5, 0.0], [0.0, 0.25]], q=[[0.01, 1.0], [1.0, 0.2]])
    >>> ax.collections[-1].get_offsets().tolist()
    [[0.5, 0.5]]
    """
    values = np.asarray(effect, dtype=np.float64)
    if values.ndim != 2 or values.size == 0:
        raise GraphError(
            f"effect has shape {list(values.shape)}: [modules, outputs] is needed, at least 1 × 1"
        )
    for side, names, n in (
        ("module", module_names, values.shape[0]),
        ("output", output_names, values.shape[1]),
    ):
        if names is not None and len(names) != n:
            raise GraphError(
                f"{len(names)} {side} names found, effect has {n} {side}s: one name each is needed"
            )
    starred = _starred(values, q, level)
    ax = axes_or_new(ax)
    largest = float(np.nanmax(np.abs(values), initial=0.0)) or 1.0
    signed = bool((values < 0).any())
    is_vector = values.size <= _MOST_VECTOR_CELLS
    mesh = ax.pcolormesh(
        np.ma.masked_invalid(values),
        cmap="RdBu_r" if signed else "cividis",
        norm=TwoSlopeNorm(0.0, -largest, largest) if signed else Normalize(0.0, largest),
        edgecolor="white" if is_vector else "face",
        linewidth=0.2 if is_vector else 0.0,
        rasterized=not is_vector,
    )
    ax.set_facecolor(GREY)
    ax.set(xlim=(0, values.shape[1]), ylim=(values.shape[0], 0), ylabel="module")
    ax.spines[:].set_visible(False)
    said = f"star: q < {level:g}" if starred.any() else f"no cell has q < {level:g}"
    note = [] if q is None else [said]
    size = float(ax.xaxis.label.get_fontsize())
    ax.set_xlabel("\n".join(lines_that_fit(["output", *note], size, size_in_points(ax)[0])))
    colour_bar(ax, mesh, label)
    name_cells(ax, "y", module_names, values.shape[0])
    name_cells(ax, "x", output_names, values.shape[1])
    _add_stars(ax, values / largest, starred, signed)
    return ax


def _starred(values: NDArray[np.float64], q: ArrayLike | None, level: float) -> NDArray[np.bool_]:
    checked_fraction(level, "level")
    if q is None:
        return np.zeros(values.shape, dtype=bool)
    given = np.asarray(q, dtype=np.float64)
    if given.shape != values.shape:
        raise GraphError(
            f"q has shape {list(given.shape)}, effect {list(values.shape)}: the same is needed"
        )
    below: NDArray[np.bool_] = given < level  # NaN was not tested: no star
    return below


def _add_stars(
    ax: Axes, relative: NDArray[np.float64], starred: NDArray[np.bool_], signed: bool
) -> None:
    """Stars in the middle of cells, dark on light and light on dark."""
    if not starred.any():
        return
    width, height = size_in_points(ax)
    cell = min(width / relative.shape[1], height / relative.shape[0])
    dark = np.abs(relative) > 0.6 if signed else ~(relative > 0.5)
    rows, columns = np.nonzero(starred)
    ax.scatter(
        columns + 0.5,
        rows + 0.5,
        s=min(0.6 * cell, _LARGEST_STAR) ** 2,
        c=["white" if x else "black" for x in dark[rows, columns]],
        marker="*",
        linewidth=0,
        zorder=3,
    )
