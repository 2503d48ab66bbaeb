"""Figures: Axes in, Axes out; only layout is computed.

Every plot draws into the axes passed as `ax`, or into those of a new figure, and returns them. In a
notebook, or where pyplot is imported and has a display, pyplot shows a new figure. `paper` sets the
print style, `figure` makes a figure as wide as a column, and `write_figure` writes it with embedded
fonts and reproducible bytes.
"""

from netsculpt.plots.ablation import ablation
from netsculpt.plots.accuracy_vs_density import accuracy_vs_density
from netsculpt.plots.adjacency import adjacency
from netsculpt.plots.alluvial import alluvial
from netsculpt.plots.circuit_ablations import circuit_ablations
from netsculpt.plots.circuit_places import circuit_places
from netsculpt.plots.degree_histogram import degree_histogram
from netsculpt.plots.density_by_layer import density_by_layer
from netsculpt.plots.effect_sizes import effect_sizes
from netsculpt.plots.lesion_map import lesion_map
from netsculpt.plots.live_units_by_layer import live_units_by_layer
from netsculpt.plots.module_flow import module_flow
from netsculpt.plots.module_hierarchy import module_hierarchy
from netsculpt.plots.module_history import module_history
from netsculpt.plots.network import network
from netsculpt.plots.null_distribution import null_distribution
from netsculpt.plots.pair import pair
from netsculpt.plots.pair_weights import pair_weights
from netsculpt.plots.path_profile import path_profile
from netsculpt.plots.pruning_curves import pruning_curves
from netsculpt.plots.search_front import search_front
from netsculpt.plots.search_history import search_history
from netsculpt.plots.style import figure, paper, write_figure
from netsculpt.plots.track_layers import track_layers
from netsculpt.plots.track_lines import track_lines
from netsculpt.plots.training_curves import training_curves
from netsculpt.plots.weight_histogram import weight_histogram
from netsculpt.plots.weight_profile import weight_profile

__all__ = [
    "ablation",
    "accuracy_vs_density",
    "adjacency",
    "alluvial",
    "circuit_ablations",
    "circuit_places",
    "degree_histogram",
    "density_by_layer",
    "effect_sizes",
    "figure",
    "lesion_map",
    "live_units_by_layer",
    "module_flow",
    "module_hierarchy",
    "module_history",
    "network",
    "null_distribution",
    "pair",
    "pair_weights",
    "paper",
    "path_profile",
    "pruning_curves",
    "search_front",
    "search_history",
    "track_layers",
    "track_lines",
    "training_curves",
    "weight_histogram",
    "weight_profile",
    "write_figure",
]
__dir__ = __all__.copy
