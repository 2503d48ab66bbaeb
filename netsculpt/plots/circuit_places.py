"""Where the channels of a circuit are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from netsculpt.plots._drawing.axes import axes_or_new
from netsculpt.plots._drawing.colours import GREY, INK, module_colours

if TYPE_CHECKING:
    from netsculpt.training.influence.circuits import Circuit

__all__ = ["circuit_places"]

_ROOM = 1.45  # of the longest bar: numbers stand after it


def circuit_places(circuit: Circuit, *, ax: Axes | None = None) -> Axes:
    """Draw how many channels of each place are in the circuit, the first place on top.

    Numbers say how many of how many.

    Parameters
    ----------
    circuit
        The result of `netsculpt.training.influence.circuits.circuit`.
    """
    ax = axes_or_new(ax)
    table = circuit.places()
    rows, kept = np.arange(len(table)), table["kept"].to_numpy()
    ax.barh(rows, kept, color=module_colours([0])[0], height=0.7)
    for row, n, n_all in zip(rows, kept, table["channels"], strict=True):
        ax.annotate(
            f"{n} of {n_all}",
            (float(n), float(row)),
            xytext=(2, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize="small",
        )
    ax.set_yticks(rows, [_short(name) for name in table["place"]])
    ax.set_ylim(len(table) - 0.4, -0.6)
    ax.set_xlim(0, max(1.0, _ROOM * float(kept.max(initial=0))))
    ax.set_xlabel("channels in the circuit")
    ax.tick_params(axis="y", length=0)
    ax.axvline(0, color=GREY, linewidth=0.5)
    return ax


def _short(place: str) -> str:
    """A place as a block and what is there.

    >>> _short("transformer.h.0.mlp.at.mlp_neuron")
    '0 mlp neuron'
    """
    parts = place.split(".")
    return f"{parts[2]} {parts[-1].replace('_', ' ')}"
