"""How a search for topologies went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.axes import Axes

from netsculpt.plots._drawing.axes import axes_or_new, tick_size
from netsculpt.plots._drawing.colours import GREY, INK, module_colours

if TYPE_CHECKING:
    from netsculpt.training.search.result import Searched

__all__ = ["search_history"]

_LINES: Final = {
    "best_best": "best weight of any network",
    "mean_best": "best network",
    "mean_median": "median network",
    "champion": "champion, tested again",
}


def search_history(searched: Searched, *, ax: Axes | None = None) -> Axes:
    """Draw rewards over the generations: of the population, and of the champion.

    Where episodes are drawn, the best of a population is lucky: the champion's reward is the mean
    of more of them.

    Parameters
    ----------
    searched
        The result of `netsculpt.training.wann`.
    """
    ax = axes_or_new(ax)
    champion = module_colours(np.array([1]))[0]
    looks = dict(zip(_LINES, ((GREY, ":"), (INK, "-"), (GREY, "--"), (champion, "-")), strict=True))
    history = searched.table()
    generations = np.arange(len(searched.history))
    marker = "." if generations.size == 1 else ""
    for name, label in _LINES.items():
        values = history[name]
        width = 1.4 if name == "champion" else 0.7
        colour, style = looks[name]
        look: dict[str, Any] = {"color": colour, "linestyle": style, "linewidth": width}
        ax.plot(generations, values, marker=marker, label=label, **look)
    ax.set_xlabel("generation")
    ax.set_ylabel("reward")
    ax.margins(x=0.01)
    ax.legend(frameon=False, fontsize=tick_size(ax), labelcolor=INK, loc="best")
    return ax
