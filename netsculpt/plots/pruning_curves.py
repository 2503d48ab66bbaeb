"""What is left of a net's accuracy when weights are pruned in an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes

from netsculpt.core.errors import GraphError
from netsculpt.plots._drawing.axes import axes_or_new, legend_below
from netsculpt.plots._drawing.colours import GREY, module_colours

if TYPE_CHECKING:
    from netsculpt.training.importance.curves import PruningCurve

__all__ = ["pruning_curves"]

_LOOKS: dict[str, dict[str, Any]] = {
    "smallest": {"marker": "o", "color": module_colours([0])[0]},
    "random": {"marker": "x", "color": GREY, "linestyle": "--"},
    "largest": {"marker": "s", "color": module_colours([5])[0], "linestyle": ":"},
}


def pruning_curves(
    curves: Sequence[PruningCurve], *, data: str = "held_out", ax: Axes | None = None
) -> Axes:
    """Draw accuracy against the share of weights removed: smallest, largest, in random order.

    Parameters
    ----------
    curves
        Those of one estimate, of `netsculpt.training.importance.pruning_curve`.
    data
        "train", "held_out", or "recovered" after training.
    """
    names = {curve.estimate for curve in curves}
    if len(names) != 1:
        raise GraphError(f"curves are of {sorted(names)}: those of one estimate are needed")
    ax = axes_or_new(ax)
    line = {"linewidth": 0.9, "markersize": 3}
    for curve in sorted(curves, key=lambda x: list(_LOOKS).index(x.order)):
        label = "random order" if curve.order == "random" else f"{curve.order} first"
        removed = [100 * share for share in curve.shares]
        ax.plot(removed, curve.accuracies[data], label=label, **(line | _LOOKS[curve.order]))
    ax.set(xlabel="weights removed (%)", ylabel="accuracy", ylim=(0, 1.02), xlim=(-2, 102))
    ax.set_title(f"by {next(iter(names)).replace('_', ' ')}")
    legend_below(ax, *ax.get_legend_handles_labels())
    return ax
