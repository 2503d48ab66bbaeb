"""How densely each layer is connected, at a few steps of a pruning or a training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from netsculpt.plots._drawing.by_layer import draw_by_layer

if TYPE_CHECKING:
    from netsculpt.training.history import History

__all__ = ["density_by_layer"]


def density_by_layer(history: History, *, ax: Axes | None = None) -> Axes:
    """Draw the density of each layer's incoming edges, for up to five steps, the last darkest.

    Below the names are the units of each layer. Layers that nothing feeds are left out. The axis
    is logarithmic if densities span a factor of 10; a layer without an edge is then a cross.

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
    >>> layers = [LayerPoint(0, "in", 4, 4, float("nan"), 0), LayerPoint(0, "fc1", 3, 3, 0.5, 6)]
    >>> density_by_layer(History("round", (), tuple(layers))).lines[0].get_ydata().tolist()
    [0.5]
    """
    return draw_by_layer(history, lambda point: point.density_in, "density", ax)
