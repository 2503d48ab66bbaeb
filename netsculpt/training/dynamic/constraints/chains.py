"""Removal of dead ends: weights into units that feed nothing, out of units that nothing feeds.

The chain removal of Zhang et al., "Epitopological learning and Cannistraci–Hebb network shape
intelligence brain-inspired theory for ultra-sparse advantage in deep learning", ICLR 2024.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from netsculpt.core.errors import TopologyError
from netsculpt.training.dynamic.entries import Entries

__all__ = ["Chains", "linear_chains", "without_dead_ends"]


@dataclass(frozen=True)
class Chains:
    """Constraint: no dead ends within chains of weights, each of which feeds the next."""

    names: tuple[tuple[str, ...], ...]

    def __call__(
        self,
        layers: Mapping[str, Entries],  # noqa: ARG002
        masks: Mapping[str, Tensor],
    ) -> Mapping[str, Tensor]:
        """The masks without dead ends; of what is removed, as much grows elsewhere in its layer."""
        cut = dict(masks)
        for chain in self.names:
            cut |= zip(chain, without_dead_ends([masks[name] for name in chain]), strict=True)
        return cut


def without_dead_ends(masks: Sequence[Tensor]) -> list[Tensor]:
    """Masks of consecutive linear layers [out, in] without what lies on no path through all.

    From the last layer back weights into units that feed nothing go, then from the first on weights
    out of units that nothing feeds. O(weights).

    >>> import torch
    >>> first, second = torch.tensor([[1, 1], [1, 0]]) > 0, torch.tensor([[1, 0]]) > 0
    >>> [x.int().tolist() for x in without_dead_ends([first, second])]
    [[[1, 1], [0, 0]], [[1, 0]]]
    """
    cut = [mask.clone() for mask in masks]
    for index in range(len(cut) - 2, -1, -1):
        cut[index] &= cut[index + 1].any(0)[:, None]
    for index in range(1, len(cut)):
        cut[index] &= cut[index - 1].any(1)
    return cut


def linear_chains(net: nn.Module, sparse: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The weights of a multi-layer perceptron, in parts if a weight between them is not sparse.

    Raises
    ------
    TopologyError
        If the net has other layers, or linear layers that cannot follow each other.
    """
    linear = [(n, x) for n, x in net.named_modules() if isinstance(x, nn.Linear)]
    weights = [(f"{n}.weight" if n else "weight", x.weight) for n, x in linear]
    known = {name for name, _ in weights}
    misfit = next(
        (b for (_, x), (b, y) in pairwise(weights) if len(x) != y.shape[1]),
        next((name for name in sparse if name not in known), None),
    )
    if misfit is not None:
        raise TopologyError(
            f"{misfit!r} is not the next layer of a multi-layer perceptron, so that dead ends are "
            "unknown: pass chains, the names of weights that feed each other, or chains=()"
        )
    parts: list[list[str]] = [[]]
    for name, _ in weights:
        if name in sparse:
            parts[-1].append(name)
        else:
            parts.append([])
    return tuple(tuple(part) for part in parts if len(part) > 1)
