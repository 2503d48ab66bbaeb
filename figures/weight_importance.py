"""How well estimates tell what a weight is worth, and what changes how well its size does.

    python figures/weight_importance.py RESULTS -o figures

RESULTS is what analyses/twente_importance.py wrote. Left: mean rank correlation of estimates with
the exact change of the loss, over all nets. Right: effects of factors on that of magnitude, against
the first level of each, which is named. Bars are 95 % intervals.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from on_command import write

from netsculpt.plots.style import Width, figure

_LOOKS = {
    ("train", "signed"): ("#0072B2", "o", "training, signed"),
    ("train", "absolute"): ("#56B4E9", "s", "training, in size"),
    ("held_out", "signed"): ("#D55E00", "o", "held-out, signed"),
    ("held_out", "absolute"): ("#E69F00", "s", "held-out, in size"),
}
_WORDS = {
    **{name: name.upper() for name in ("mlp", "cnn", "lstm", "set", "gmp", "gelu")},
    "rigl": "RigL",
    "ac_dc": "AC/DC",
    "relu": "ReLU",
    "leaky_relu": "leaky ReLU",
    "all_relu": "All-ReLU",
    "silu": "SiLU",
    "z": "z-scores",
    "minmax": "0 … 1",
    "raw": "0 … 16",
    "batch": "batch norm",
    "layer": "layer norm",
    "none": "no norm",
}
_SHOWN = (("train", "signed"), ("held_out", "absolute"))


def draw(results: Path, width: Width) -> Figure:
    """Estimates, and effects."""
    page = figure(width, 0.85)
    left, right = page.subplots(1, 2)
    _estimates(left, pd.read_csv(results / "means.csv"))
    _effects(right, pd.read_csv(results / "effects.csv"))
    handles, labels = left.get_legend_handles_labels()
    page.legend(handles, labels, loc="outside lower center", ncols=4)
    return page


def _estimates(ax: Axes, means: pd.DataFrame) -> None:
    first = means[(means["data"] == "train") & (means["outcome"] == "signed")]
    names = first.sort_values("spearman")["estimate"].tolist()
    for shift, ((data, outcome), (colour, marker, label)) in enumerate(_LOOKS.items()):
        own = means[(means["data"] == data) & (means["outcome"] == outcome)].set_index("estimate")
        own = own.reindex(names)
        y = np.arange(len(names)) - 0.15 * (shift - 1.5)
        style: dict[str, Any] = {"fmt": marker, "color": colour, "markersize": 3, "elinewidth": 0.7}
        ax.errorbar(own["spearman"], y, xerr=own["spearman_half"], label=label, **style)
    ax.axvline(0, color="0.6", linewidth=0.5)
    ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    ax.set(xlabel="rank correlation with the change", ylim=(-0.6, len(names) - 0.4))


def _effects(ax: Axes, effects: pd.DataFrame) -> None:
    names = list(dict.fromkeys(zip(effects["factor"], effects["level"], strict=True)))
    place = {name: -n for n, name in enumerate(names)}
    for shift, (data, outcome) in enumerate(_SHOWN):
        own = effects[effects["measure"] == f"rho {data} {outcome}"]
        pairs = zip(own["factor"], own["level"], strict=True)
        y = np.array([place[pair] for pair in pairs]) - 0.25 * (shift - 0.5)
        middle = own["effect"].to_numpy()
        ends = np.abs(own[["low", "high"]].to_numpy().T - middle)
        colour, marker, _ = _LOOKS[data, outcome]
        style: dict[str, Any] = {"fmt": marker, "color": colour, "markersize": 3, "elinewidth": 0.7}
        ax.errorbar(middle, y, xerr=ends, **style)
    against = dict(zip(effects["factor"], effects["against"], strict=True))
    texts = [f"{_word(level)} – {_word(against[factor])}" for factor, level in names]
    ax.axvline(0, color="0.6", linewidth=0.5)
    ax.set_yticks(list(place.values()), texts)
    ax.set(xlabel="effect on that of magnitude")


def _word(level: str) -> str:
    """A level of a factor, as a reader knows it.

    >>> _word("ac_dc 20"), _word("tanh")
    ('AC/DC 20 %', 'tanh')
    """
    name, *kept = level.split()
    return " ".join([_WORDS.get(name, name), *(f"{x} %" for x in kept)])


if __name__ == "__main__":
    write(__file__, __doc__, draw)
