"""The graph of a sparse net next to that of its dense twin."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netsculpt.compare.pair import GraphComparison, mask_overlap
from netsculpt.compare.pair.correlation import rank_correlation
from netsculpt.core.errors import FormatError
from netsculpt.core.random import stream
from netsculpt.graph.graph import NetGraph
from netsculpt.modules import compare
from netsculpt.modules.chosen import GivenDetector, chosen_detector, detector_name
from netsculpt.nets.masks import masks_of
from netsculpt.nets.prunable import prunable
from netsculpt.paths.per_unit import path_share
from netsculpt.tracing import trace

__all__ = ["all_masks", "compared_graphs", "density_of"]


def all_masks(net: nn.Module) -> dict[str, Tensor]:
    """Masks of all weights of a net on the CPU; where nothing was ever pruned, all is kept."""
    present = masks_of(net)
    return {
        name: present[name].cpu() if name in present else torch.ones(x.shape, dtype=torch.bool)
        for name, x in prunable(net).items()
    }


def density_of(net: nn.Module) -> float:
    """Fraction of the weights that a net keeps.

    >>> density_of(nn.Linear(2, 2))
    1.0
    """
    masks = all_masks(net).values()
    n_weights = sum(mask.numel() for mask in masks)
    if not n_weights:
        raise FormatError("the net has no weights: one with weights is needed")
    return sum(int(mask.sum()) for mask in masks) / n_weights


def compared_graphs(
    sparse: nn.Module, pruned: nn.Module, example: Tensor, *, detector: GivenDetector, seed: int
) -> GraphComparison:
    """Compare the graph of a sparse net with that of its twin, pruned to the same density.

    Modules are those of the balanced weights; path shares are of the magnitudes.

    Parameters
    ----------
    sparse, pruned
        Nets of one architecture with their masks.
    example
        An input, batch first, to trace them with.
    detector
        One of `netsculpt.modules.detectors`, or a function ``(graph, *, rng)`` that returns labels.
    seed
        Of the detector.

    Raises
    ------
    TopologyError, LimitError
        If a net cannot be traced.
    """
    graphs = [trace(net, example) for net in (sparse, pruned)]
    find = chosen_detector(detector)
    balanced = [graph.balanced for graph in graphs]  # free of the scales of units
    first, second = (find(graph, rng=stream(seed, "modules")) for graph in balanced)
    again = find(balanced[0], rng=stream(seed, "modules", "again"))
    masks = [{name: x.numpy() for name, x in all_masks(net).items()} for net in (sparse, pruned)]
    return GraphComparison(
        density_of(sparse),
        mask_overlap(*masks),
        compare(first, second).ami,
        compare(first, again).ami,
        (first.n_modules, second.n_modules),
        _share_correlation(*graphs),
        detector_name(detector),
    )


def _share_correlation(first: NetGraph, second: NetGraph) -> dict[str, float]:
    """Spearman's ρ of the path shares of units, by hidden layer."""
    shares = [path_share(graph.magnitude) for graph in (first, second)]
    return {
        layer.name: rank_correlation(*(share[layer.units] for share in shares))
        for layer in first.layers
        if layer.role == "hidden"
    }
