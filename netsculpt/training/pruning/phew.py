"""PHEW on a live net: masks from random walks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.nets.masks import masks_of
from netsculpt.nets.prunable import prunable
from netsculpt.training.pruning.walks.of_net import ways_of
from netsculpt.training.pruning.walks.phew import phew as walked
from netsculpt.training.pruning.walks.trimmed import trimmed

__all__ = ["Walks", "phew"]


@dataclass(frozen=True, eq=False)
class Walks:
    """Masks that walks have left."""

    masks: dict[str, Tensor]
    wanted: int  # weights that were to be kept
    n_walks: int
    n_lost: int  # walks that came to a unit from which none can go on; they keep nothing

    @property
    def overshoot(self) -> int:
        """Weights kept beyond those wanted, less than one path."""
        return sum(int(mask.sum()) for mask in self.masks.values()) - self.wanted


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
) -> Walks:
    r"""Masks by walks that go along strong weights, from inputs and outputs in turn.

    A walk passes from unit j to i with probability :math:`|w_{ij}|^p / \sum_{i'} |w_{i'j}|^p`;
    `netsculpt.training.pruning.walks.phew` says how it chooses at kernels, flattened channels,
    joins and forks. No data are needed. Patil and Dovrolis, arXiv:2010.11354, section 5.

    Parameters
    ----------
    net
        Any net that `netsculpt.trace` follows, without masks; left as it is.
    example
        An input, batch first; only its shape matters.
    density
        Fraction of the weights to keep; int(density × weights) of them, and what the last walk
        adds.
    rng
        Seed or generator. Same seed, same bytes.
    power
        p above: 2, −1 (weak weights) and 0 (all alike) are variants of the paper.
    whole_kernels
        Whether a kernel is kept as soon as one of its taps is.
    start
        Masks to go on from, as those of a lower density.
    exact
        Whether the last walk's new weights that are too many are left out, if no unit dies by it.
    jobs
        Threads that walk (−1: one a core). The masks do not depend on it.

    Raises
    ------
    FormatError
        If the net has masks, the density is none, or a mask to start from fits no weight.
    GraphError
        If so many weights lie on no path.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP, initial_net
    >>> net = initial_net(MLP((64, 128, 128, 10)), rng=0)
    >>> found = phew(net, torch.zeros(1, 64), 0.05, rng=0)
    >>> found.wanted, found.overshoot < 3
    (1292, True)
    """
    if masks_of(net):
        raise FormatError(
            "the net has masks: walks need all its weights; to go on from a mask, give the net "
            "without it and the mask as start"
        )
    if not 0 <= density <= 1:
        raise FormatError(f"density is {density}: the kept fraction, 0 … 1, is needed")
    weights = prunable(net)
    found = ways_of(net, example, weights, lambda weight: _strength(weight, power))
    n_kept = int(density * found.ways.n_scalars)
    before = None if start is None else _flat(start, weights)
    walks = walked(
        found.ways, n_kept, rng=rng, start=before, whole_kernels=whole_kernels, jobs=jobs
    )
    kept = trimmed(found.ways, walks, n_kept) if exact else walks.kept
    return Walks(found.by_weight(kept), n_kept, walks.n_walks, walks.n_lost)


def _strength(weight: Tensor, power: float) -> Tensor:
    if power == 1:
        return weight.abs() if weight.dtype == torch.float64 else weight.abs().float()
    size = weight.abs().double()
    return torch.where(size > 0, size, 1.0) ** power * (size > 0)


def _flat(masks: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> NDArray[np.bool_]:
    for name, mask in masks.items():
        if name not in weights or mask.dtype != torch.bool or mask.shape != weights[name].shape:
            fits = f"{list(weights[name].shape)}, boolean" if name in weights else "none"
            raise FormatError(
                f"start's mask of {name!r} is {mask.dtype} {list(mask.shape)}, {fits} is needed: "
                "masks go by the names of weights, and have their shapes"
            )
    parts = [masks.get(name, torch.zeros(x.shape, dtype=torch.bool)) for name, x in weights.items()]
    flat: NDArray[np.bool_] = torch.cat([part.cpu().flatten() for part in parts]).numpy()
    return flat
