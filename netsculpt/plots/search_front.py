"""What the networks of a search gain with their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from netsculpt.plots._drawing.axes import axes_or_new, tick_size
from netsculpt.plots._drawing.colours import GREY, INK, module_colours

if TYPE_CHECKING:
    from netsculpt.training.search.result import Searched

__all__ = ["search_front"]


def search_front(searched: Searched, *, ax: Axes | None = None) -> Axes:
    """Draw mean reward against edges for the last population, its front, and the champions.

    The black line joins the networks of the front: no network has fewer edges and a greater mean
    reward. The coloured one leads from champion to champion, which are tested by other draws than
    the population, and more often; the star is the last.

    Parameters
    ----------
    searched
        The result of `netsculpt.training.wann`.
    """
    ax = axes_or_new(ax)
    edges = np.array([topology.n_edges for topology in searched.population])
    means = searched.rewards.mean(axis=1)
    front = np.flatnonzero(searched.is_on_front)
    order = front[np.argsort(edges[front])]
    found = [(x.topology.n_edges, x.mean) for x in searched.champions]
    colour = module_colours(np.array([1]))[0]
    ax.scatter(edges, means, s=8, color=GREY, alpha=0.5, linewidth=0, label="last generation")
    front_line: dict[str, Any] = {"linewidth": 0.8, "marker": "o", "markersize": 2.5}
    ax.step(edges[order], means[order], where="post", color=INK, label="its front", **front_line)
    line: dict[str, Any] = {"color": colour, "linewidth": 0.8, "marker": ".", "markersize": 3}
    ax.plot(*zip(*found, strict=True), **line, label="champions, one after another")
    ax.plot(*found[-1], color=colour, marker="*", markersize=8, linestyle="none", label="champion")
    ax.set_xlabel("edges")
    ax.set_ylabel("mean reward")
    ax.legend(frameon=False, fontsize=tick_size(ax), labelcolor=INK, loc="best")
    return ax
