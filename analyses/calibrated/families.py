"""Families of networks without modules: `(rng) -> NetGraph`, each with some 150 to 350 edges.

What tests mistake for modules: unequal degrees, unequal strengths, depth, tapering, hubs, skips,
shared parameters, weights that were trained, the order of tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from netsculpt.graph.attribution import planted_supernodes
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.synthetic import planted

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FAMILIES", "lognormal_strengths"]

WIDTHS = (20, 20, 20, 20)
DENSITY = 0.2
SPREAD = 1.0  # σ of lognormal scales of units


def homogeneous(rng: np.random.Generator) -> NetGraph:
    """Equal expected degrees, Gaussian weights."""
    return gaussian(planted(WIDTHS, 1, DENSITY, DENSITY, rng=rng)[0], rng)


def lognormal_degrees(rng: np.random.Generator) -> NetGraph:
    """Expected degrees with σ = 0.75, Gaussian weights."""
    graph, _ = planted(WIDTHS, 1, DENSITY, DENSITY, degree_heterogeneity=0.75, rng=rng)
    return gaussian(graph, rng)


def strengths(rng: np.random.Generator) -> NetGraph:
    """Equal expected degrees, lognormal scales of units, lognormal noise."""
    return lognormal_strengths(planted(WIDTHS, 1, DENSITY, DENSITY, rng=rng)[0], rng)


def narrow_deep(rng: np.random.Generator) -> NetGraph:
    """Twelve layers of eight units."""
    return gaussian(planted((8,) * 12, 1, 0.35, 0.35, rng=rng)[0], rng)


def sparse_blocks(rng: np.random.Generator) -> NetGraph:
    """Twelve layers of eight units with 1.2 edges a unit: blocks with few cycles or none."""
    return gaussian(planted((8,) * 12, 1, 0.22, 0.22, rng=rng)[0], rng)


def tapered_erk(rng: np.random.Generator) -> NetGraph:
    """Layers that halve, with densities in proportion to 1/n + 1/n' (Erdős–Rényi–Kernel)."""
    widths = (48, 24, 12, 6)
    return gaussian(
        from_matrices(
            [
                rng.random((after, before)) < 2.0 * (before + after) / (before * after)
                for before, after in pairwise(widths)
            ]
        ),
        rng,
    )


def scale_free(rng: np.random.Generator) -> NetGraph:
    """Propensities of a Pareto law with exponent 1.5, in odds: only degrees are determined."""
    widths = (24, 24, 24, 24)
    propensity = [1 + rng.pareto(1.5, width) for width in widths]
    matrices = []
    for before, after in pairwise(propensity):
        odds = 0.03 * np.outer(after, before)
        matrices.append(rng.random(odds.shape) < odds / (1 + odds))
    return gaussian(from_matrices(matrices), rng)


def skips(rng: np.random.Generator) -> NetGraph:
    """Connections over one layer, half as dense as the others."""
    return gaussian(planted((18,) * 4, 1, DENSITY, DENSITY, skips=0.5, rng=rng)[0], rng)


def traced_cnn(rng: np.random.Generator) -> NetGraph:
    """Channels of an untrained CNN, of whose weights 4 % are kept at random."""
    import torch

    from netsculpt.nets import CNN, initial_net, mask_net
    from netsculpt.tracing import trace

    net = initial_net(CNN((1, 16, 16), (16, 16, 16), (), 10), rng=rng)
    kept = {
        name: torch.as_tensor(rng.random(tuple(weight.shape)) < (0.04 if weight.ndim == 4 else 0.2))
        for name, weight in net.named_parameters()
        if weight.ndim > 1
    }
    mask_net(net, kept)
    return trace(net, torch.zeros(1, 256))


def trained_then_masked(rng: np.random.Generator) -> NetGraph:
    """An MLP trained on digits, of whose weights some are kept at random afterwards."""
    from netsculpt.nets import MLP, initial_net
    from netsculpt.training import Recipe, fit
    from netsculpt.training.tasks import digits

    recipe = Recipe(epochs=5, learning_rate=0.005)
    net = fit(initial_net(MLP((64, 24, 24, 10)), rng=rng), digits(), recipe, rng=rng).net
    weights: list[Tensor] = [weight for weight in net.parameters() if weight.ndim > 1]
    matrices = [weight.detach().numpy() for weight in weights]
    return from_matrices([x * (rng.random(x.shape) < 0.12) for x in matrices])


def attribution_graphs(rng: np.random.Generator) -> NetGraph:
    """Features of four layers at four tokens, fed by earlier layers at no later tokens."""
    return planted_supernodes(4, 14, 1, p_in=0.15, p_out=0.15, n_tokens=4, rng=rng)[0]


FAMILIES: Final[Mapping[str, Callable[[np.random.Generator], NetGraph]]] = MappingProxyType(
    {
        "homogeneous": homogeneous,
        "lognormal degrees": lognormal_degrees,
        "lognormal strengths": strengths,
        "narrow and deep": narrow_deep,
        "sparse blocks": sparse_blocks,
        "tapered, ERK": tapered_erk,
        "scale-free": scale_free,
        "skips": skips,
        "CNN channels": traced_cnn,
        "trained, then masked": trained_then_masked,
        "attribution graphs": attribution_graphs,
    }
)


def gaussian(pattern: NetGraph, rng: np.random.Generator) -> NetGraph:
    """Standard normal weights on the edges of a network."""
    return pattern.with_weights(rng.standard_normal(pattern.n_edges))


def lognormal_strengths(
    pattern: NetGraph, rng: np.random.Generator, noise: float = 1.0
) -> NetGraph:
    """Weights that are products of a lognormal scale of each end and of lognormal noise."""
    scales = _lognormal(rng, SPREAD, pattern.n_units), _lognormal(rng, SPREAD, pattern.n_units)
    ends: Sequence[NDArray[np.int32]] = (pattern.sources, pattern.weights.indices)
    weights = _lognormal(rng, noise, pattern.n_edges)
    for scale, end in zip(scales, ends, strict=True):
        weights = weights * scale[end]
    return pattern.with_weights(weights)


def _lognormal(rng: np.random.Generator, sigma: float, n: int) -> NDArray[np.float64]:
    return np.exp(sigma * rng.standard_normal(n))
