"""What the features of a network mean that groups are compared by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from netsculpt.report.html.terms import TERMS

__all__ = ["LAYERS", "feature_definition"]

LAYERS: Final = "density a → b"  # one definition for each pair of layers

_NETWORK: Final[Mapping[str, str]] = {
    "density": "Kept weights divided by all weights before pruning, 0 to 1.",
    LAYERS: "Kept edges from one layer to another divided by all pairs of their units.",
    "live_units": "Share of the hidden units that are on an input→output path.",
    "live_edges": "Share of the edges that are on such a path.",
    "log10_paths": "Decimal logarithm of the number of input→output paths.",
    "log10_path_weight": (
        "Decimal logarithm of the path weight: over all paths, the sum of Π |weight|."
    ),
    "log10_kernel_trace": (
        "Decimal logarithm of the trace of the path kernel. It changes with the scales of units."
    ),
    "ramanujan_mean": (
        "Δr, how far the second singular value of a pair of layers stays below the bound of a "
        "Ramanujan graph: the mean over pairs of layers."
    ),
    "ramanujan_min": "The same: the least over pairs of layers.",
    "modularity": "Q, layer-aware modularity of the modules.",
    "modularity_z": "Q minus its mean over null networks, in standard deviations of theirs.",
    "n_modules": "Number of modules.",
    "n_levels": "Number of levels of the hierarchy of modules.",
    "trophic_incoherence": TERMS["trophic"][1],
    "stability": TERMS["stability"][1],
}
_UNITS: Final[Mapping[str, str]] = {  # of hidden units
    "in_degree": "edges into it",
    "out_degree": "edges out of it",
    "in_strength": "|weights| into it, each divided by the mean between the same two layers",
    "out_strength": "|weights| out of it, each divided by the mean between the same two layers",
}
_DISTRIBUTION: Final[Mapping[str, str]] = {
    "q10": "the 10 % quantile over hidden units.",
    "q50": "the median over hidden units.",
    "q90": "the 90 % quantile over hidden units.",
    "cv": "the standard deviation over hidden units divided by their mean.",
}
_SHARES: Final[Mapping[str, str]] = {
    "path_share": "Shares of the input→output paths through hidden units",
    "path_share_weighted": "Shares of the path weight through hidden units",
}
_SPECTRUM: Final[Mapping[str, str]] = {
    "spread": "exp(entropy) divided by the number of units; 1 if all have the same share.",
    "top": "what runs through the tenth of the units with the largest shares.",
}


def feature_definition(name: str) -> tuple[str, str] | None:
    """The heading and the text for a feature of `netsculpt.network_features`; None for others.

    >>> feature_definition("in_degree_q50")
    ('in_degree_q50', 'Of a hidden unit, edges into it: the median over hidden units.')
    >>> feature_definition("density fc1 → fc2")[0], feature_definition("hair colour")
    ('density a → b', None)
    """
    if name.startswith("density ") and " → " in name:
        return LAYERS, _NETWORK[LAYERS]
    if name in _NETWORK:
        return name, _NETWORK[name]
    stem, _, ending = name.rpartition("_")
    if stem in _UNITS and ending in _DISTRIBUTION:
        return name, f"Of a hidden unit, {_UNITS[stem]}: {_DISTRIBUTION[ending]}"
    if stem in _SHARES and ending in _SPECTRUM:
        return name, f"{_SHARES[stem]}: {_SPECTRUM[ending]}"
    return None
