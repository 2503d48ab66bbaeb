"""How many units of each layer are live, at a few steps of a pruning or a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from netsculpt.plots._drawing.by_layer import draw_by_layer

if TYPE_CHECKING:
    from netsculpt.training.history import History

__all__ = ["live_units_by_layer"]


def live_units_by_layer(history: History, *, ax: Axes | None = None) -> Axes:
    """Draw each layer's share of live units, for up to five steps, the last darkest.

    A unit is live if it is on an input→output path. Below the names are the units of each layer.
    The axis is logarithmic if shares span a factor of 10; a layer without a live unit is then a
    cross.

    Parameters
    ----------
    history
        Of `netsculpt.training.history`, with layers: of a pruning, a sculpting, a sparse training.

    Raises
    ------
    GraphError
        If the history has no layers.

    Examples
    --------
    >>> from netsculpt.training.history import History
    >>> from netsculpt.training.track.result import LayerPoint
    >>> layers = [LayerPoint(0, "in", 4, 4, float("nan"), 0), LayerPoint(0, "fc1", 4, 2, 0.5, 6)]
    >>> live_units_by_layer(History("round", (), tuple(layers))).lines[0].get_ydata().tolist()
    [1.0, 0.5]
    """
    return draw_by_layer(
        history,
        lambda x: x.n_live / x.n_units if x.n_units else float("nan"),
        "share of units that live",
        ax,
    )
