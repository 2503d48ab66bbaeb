"""PHEW on a live net: masks from random walks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_fraction, checked_number
from netsculpt.core.random import RNG, root_seed
from netsculpt.nets.masks import masks_of
from netsculpt.nets.prunable import prunable
from netsculpt.nets.weight_counts import WeightCounts
from netsculpt.training.pruning.report import Pruned, PruningReport
from netsculpt.training.pruning.walks.from_net import walk_graph
from netsculpt.training.pruning.walks.trimmed import trimmed
from netsculpt.training.pruning.walks.walk import walk

__all__ = ["phew"]


def phew(
    net: nn.Module,
    example: Tensor | tuple[Tensor, ...],
    density: float,
    *,
    rng: RNG = None,
    power: float = 1.0,
    whole_kernels: bool = False,
    start: Mapping[str, Tensor] | None = None,
    exact: bool = False,
    jobs: int = 1,
) -> Pruned:
    r"""Keep what random walks along strong weights pass through.

    Walks start at inputs and at outputs in turn. A walk passes from unit j to i with probability
    :math:`|w_{ij}|^p / \sum_{i'} |w_{i'j}|^p`; `netsculpt.training.pruning.walks.walk` describes
    its choices at kernels, flattened channels, joins and forks. No data are needed. Patil and
    Dovrolis, arXiv:2010.11354, section 5.

    Parameters
    ----------
    net
        Any net that `netsculpt.trace` can trace, without masks; left as it is.
    example
        An input, batch first; only its shape matters.
    density
        Fraction of the weights to keep: int(density × weights) of them and, unless `exact`, the
        overshoot of the last walk, which is less than one path.
    rng
        Seed or generator. Same seed, same bytes.
    power
        p above: 2, −1 (weak weights) and 0 (all equally likely) are variants of the paper.
    whole_kernels
        Whether a kernel is kept as soon as one of its taps is.
    start
        Masks to extend, for example those of a lower density.
    exact
        Whether to leave out the overshoot, as far as no unit dies.
    jobs
        Threads that walk (−1: one per core). The masks do not depend on it.

    Returns
    -------
    Pruned
        Its details: walks, lost walks (they reached a unit with no way on, and keep nothing), and
        overshoot, in weights. Its seed is None if `rng` is a generator.

    Raises
    ------
    FormatError
        If the net has masks, the density is not in 0 … 1, or a mask in `start` fits no weight.
    GraphError
        If fewer weights lie on paths.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP, initial_net
    >>> net = initial_net(MLP((64, 128, 128, 10)), rng=0)
    >>> pruned = phew(net, torch.zeros(1, 64), 0.05, rng=0)
    >>> sum(pruned.report.weights.kept) - pruned.details["overshoot"]
    1292
    """
    if masks_of(net):
        raise FormatError(
            "the net has masks: walks need all its weights; to extend a mask, give the net without "
            "it, and the mask as start"
        )
    checked_fraction(density, "density")
    checked_number(power, "power")
    seed = None if isinstance(rng, np.random.Generator) else root_seed(rng)
    weights = prunable(net)
    traced = walk_graph(net, example, weights, lambda weight: _strength(weight, power))
    n_kept = int(density * traced.graph.n_scalars)
    if start is not None:
        _check_start(start, weights)
    visited = walk(
        traced.graph,
        n_kept,
        rng=rng if seed is None else seed,
        start=None if start is None else traced.flat(start),
        whole_kernels=whole_kernels,
        jobs=jobs,
    )
    kept = trimmed(traced.graph, visited, n_kept) if exact else visited.kept
    masks = traced.by_weight(kept)
    counts = WeightCounts(
        tuple(masks),
        tuple(int(mask.sum()) for mask in masks.values()),
        tuple(mask.numel() for mask in masks.values()),
    )
    details = {
        "walks": visited.n_walks,
        "lost": visited.n_lost,
        "overshoot": sum(counts.kept) - n_kept,
    }
    report = PruningReport(counts, traced.live(kept))
    return Pruned(masks, report, "phew", density, seed, details)


def _strength(weight: Tensor, power: float) -> Tensor:
    if power == 1:
        return weight.abs() if weight.dtype == torch.float64 else weight.abs().float()
    size = weight.abs().double()
    return torch.where(size > 0, size, 1.0) ** power * (size > 0)


def _check_start(masks: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    for name, mask in masks.items():
        if name not in weights or mask.dtype != torch.bool or mask.shape != weights[name].shape:
            fits = f"{list(weights[name].shape)}, boolean" if name in weights else "none"
            raise FormatError(
                f"start's mask of {name!r} is {mask.dtype} {list(mask.shape)}, {fits} is needed: "
                "masks go by the names of weights, and have their shapes"
            )
