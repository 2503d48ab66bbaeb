"""How fast pruned nets learn: as pruned, with larger weights, and made isometric.

    python figures/lee2020_training.py RESULTS -o figures --density 0.05

RESULTS is what analyses/lee2020_signal.py wrote.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from on_command import write
from scipy import stats

from netsculpt.core.errors import FormatError
from netsculpt.plots.style import Width, figure

_ACTIVATIONS = {"tanh": "tanh", "relu": "ReLU"}
_STATES = {
    "plain": ("as pruned", "#7f7f7f"),
    "fan-in corrected": ("fan-in corrected", "#e69f00"),
    "norms of isometry": ("norms of the isometry", "#56b4e9"),
    "isometry": ("approximate isometry", "#d55e00"),
}
_PER_ROW = 3
_TOP = 2.6  # slightly above ln 10, the loss by chance


def draw(results: Path, width: Width, density: float) -> Figure:
    """Validation loss by epoch, one panel per method and activation; 95 % t-intervals."""
    curves = pd.read_parquet(results / "curves.parquet")
    curves = curves[(curves["init"] == "orthogonal") & (curves["samples"] == "labelled")]
    known = sorted(set(curves["density"]))
    if density not in known:
        raise FormatError(f"no density {density}; there are {', '.join(map(str, known))}")
    dense = curves[(curves["method"] == "dense") & (curves["state"] == "plain")]
    curves = curves[curves["density"] == density]
    methods = list(dict.fromkeys(curves["method"]))
    activations = [x for x in _ACTIVATIONS if (curves["activation"] == x).any()]
    n_rows = len(activations) * -(-len(methods) // _PER_ROW)
    page = figure(width, 0.24 * n_rows + 0.14)
    axes = page.subplots(n_rows, _PER_ROW, sharex=True, sharey=True, squeeze=False).ravel()
    shown = list(product(activations, methods))
    for ax, (activation, method) in zip(axes, shown, strict=False):
        own = curves[(curves["activation"] == activation) & (curves["method"] == method)]
        reference = dense[dense["activation"] == activation]
        _line(ax, reference, "dense", "black")
        for state, (label, colour) in _STATES.items():
            _line(ax, own[own["state"] == state], label, colour)
        ax.set_title(f"{method}, {_ACTIVATIONS[activation]}")
        ax.set_ylim(0, _TOP)
    for ax in axes[len(shown) :]:
        ax.set_visible(False)
    for ax in axes[-_PER_ROW:]:
        ax.set_xlabel("epoch")
    for ax in axes[::_PER_ROW]:
        ax.set_ylabel("validation loss")
    page.suptitle(f"density {density:g}", fontsize="medium")
    page.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return page


def _line(ax: Axes, curves: pd.DataFrame, label: str, colour: str) -> None:
    losses = curves.groupby("epoch")["validation_loss"]
    mean, n = losses.mean(), losses.count()
    half = losses.sem() * stats.t.ppf(0.975, np.maximum(n - 1, 1))
    epochs = mean.index.to_numpy()
    ax.plot(epochs, mean, color=colour, label=label)
    ax.fill_between(epochs, mean - half, mean + half, color=colour, alpha=0.2, linewidth=0)


if __name__ == "__main__":
    write(__file__, __doc__, draw, density={"type": float, "default": 0.05})
