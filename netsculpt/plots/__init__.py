"""Figures: Axes in, Axes out; nothing is computed but layout.

Every plot draws into the axes it is given, or into those of a new figure that pyplot does not
know. `paper` sets print style, `figure` makes a figure as wide as a column, and `write_figure`
writes it with embedded fonts and the same bytes each time.
"""

from netsculpt.plots.adjacency import adjacency
from netsculpt.plots.module_hierarchy import module_hierarchy
from netsculpt.plots.network import network
from netsculpt.plots.null_distribution import null_distribution
from netsculpt.plots.pair_weights import pair_weights
from netsculpt.plots.path_profile import path_profile
from netsculpt.plots.style import figure, paper, write_figure

__all__ = [
    "adjacency",
    "figure",
    "module_hierarchy",
    "network",
    "null_distribution",
    "pair_weights",
    "paper",
    "path_profile",
    "write_figure",
]
