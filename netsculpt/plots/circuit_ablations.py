"""What a circuit can do, however the other channels are ablated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from netsculpt.plots._drawing.axes import axes_or_new, tick_size
from netsculpt.plots._drawing.colours import GREY, INK, module_colours

if TYPE_CHECKING:
    from netsculpt.training.influence.circuits import Circuit

__all__ = ["circuit_ablations"]


def circuit_ablations(circuit: Circuit, *, ax: Axes | None = None) -> Axes:
    """Draw the accuracy of a circuit by ablation, and that of its controls.

    The line is the accuracy of the whole net; crosses are sets of as many channels at each place,
    drawn at random; squares the circuit that was found in the net with shuffled weights.

    Parameters
    ----------
    circuit
        The result of `netsculpt.training.influence.circuits.circuit`.
    """
    ax = axes_or_new(ax)
    places = np.arange(len(circuit.accuracy))
    style: dict[str, Any] = {"linestyle": "none", "markersize": 4}
    first, other = module_colours([0, 5])
    ax.axhline(circuit.whole_accuracy, color=INK, linewidth=0.6, label="whole net")
    ax.plot(places - 0.15, list(circuit.accuracy.values()), "o", color=first, **style)
    ax.lines[-1].set_label("circuit")
    drawn = list(circuit.random_accuracy.values())
    if any(drawn):
        x = np.repeat(places, [len(each) for each in drawn])
        y = np.concatenate([np.array(each) for each in drawn])
        ax.plot(x, y, "x", color=GREY, label="random channels", **style)
    if circuit.control is not None:
        found = list(circuit.control.accuracy.values())
        ax.plot(places + 0.15, found, "s", color=other, label="shuffled weights", **style)
    ax.set_xticks(places, list(circuit.accuracy))
    ax.set_xlim(-0.5, len(places) - 0.5)
    ax.set_ylim(0, 1.04)
    ax.set_xlabel("others are ablated by")
    ax.set_ylabel("accuracy")
    ax.legend(frameon=False, fontsize=tick_size(ax), labelcolor=INK, loc="lower left")
    return ax
