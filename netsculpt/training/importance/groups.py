"""What groups of weights contribute, each on average over the orders in which they are removed."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.compare.coalitions import coalitions, shapley
from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG
from netsculpt.nets.frozen import double, frozen_copy
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GroupShapley", "group_shapley"]

_MOST_EXACT = 10  # groups: 1024 forward passes
_STAGE = "Shapley values"

Group = Mapping[str, Tensor]  # by parameter: True = in the group


@dataclass(frozen=True, eq=False)
class GroupShapley:
    """Shapley values of G groups of weights: increases of the loss when they are removed."""

    names: tuple[str, ...]
    values: NDArray[np.float64]  # [G] they add up to `total`
    errors: NDArray[np.float64]  # [G] standard errors; 0 where all orders were counted
    total: float  # increase of the loss without any of the groups
    n_orders: int | None  # drawn at random; None: all

    def table(self) -> pd.DataFrame:
        """One row per group."""
        import pandas as pd

        return pd.DataFrame({"group": self.names, "shapley": self.values, "error": self.errors})


def group_shapley(
    net: nn.Module,
    batches: Batches,
    groups: Mapping[str, Group],
    *,
    n_orders: int = 100,
    rng: RNG = None,
    progress: Progress | None = None,
) -> GroupShapley:
    r"""Mean increase of the loss when a group is removed after those before it in a random order.

    .. math:: \phi_i = E_\pi [L(S_\pi^i \cup \{i\}) - L(S_\pi^i)]

    for the loss L without a set of groups. Unlike single ablations, values of groups that can stand
    in for each other are shared between them, and all add up.

    Parameters
    ----------
    net
        Any net; left as it is.
    batches
        Samples, and their mean loss.
    groups
        Groups by name; no weight is in two.
    n_orders
        Orders drawn, if there are more than 10 groups; up to 10, all sets are removed and the
        values are exact.
    rng
        Seed or generator of the orders.
    progress
        Called with forward passes done, and all of them.

    Raises
    ------
    FormatError
        If a group names another parameter, or two share a weight.

    Notes
    -----
    2ᴳ forward passes, or `n_orders` · G. In eval mode and float64. Shapley 1953; Castro, Gómez and
    Tejada 2009, doi:10.1016/j.cor.2008.04.004, for the sampling.

    Examples
    --------
    >>> net = nn.Linear(2, 1, bias=False)
    >>> _ = net.weight.data.copy_(torch.tensor([[1.0, 1.0]]))
    >>> one = [(torch.ones(1, 2), torch.tensor([[2.0]]))]
    >>> groups = {"left": {"weight": torch.tensor([[True, False]])}}
    >>> groups["right"] = {"weight": ~groups["left"]["weight"]}
    >>> group_shapley(net, Batches(one, nn.functional.mse_loss), groups).values.tolist()
    [2.0, 2.0]
    """
    checked_whole(n_orders, "n_orders", least=2)
    _check(net, groups)
    report, names = progress or silent, tuple(groups)
    loss = _LossWithout(net, batches, [groups[name] for name in names])
    n = len(names)
    if n <= _MOST_EXACT:
        sets = coalitions(n)
        effects = []
        for done, chosen in enumerate(sets, start=1):
            effects.append(loss(chosen))
            report(_STAGE, done, len(sets))
        increases = np.array(effects) - effects[0]
        return GroupShapley(names, shapley(increases), np.zeros(n), float(increases[-1]), None)
    generator = np.random.default_rng(rng)
    before, marginal = loss(np.zeros(n, dtype=np.bool_)), np.empty((n_orders, n))
    total = 0.0
    for number in range(n_orders):
        removed, last = np.zeros(n, dtype=np.bool_), before
        for group in generator.permutation(n):
            removed[group] = True
            now = loss(removed)
            marginal[number, group], last = now - last, now
        total = last - before
        report(_STAGE, (number + 1) * n, n_orders * n)
    errors = marginal.std(axis=0, ddof=1) / np.sqrt(n_orders)
    return GroupShapley(names, marginal.mean(axis=0), errors, total, n_orders)


class _LossWithout:
    """The loss without some groups of weights."""

    def __init__(self, net: nn.Module, batches: Batches, groups: list[Group]) -> None:
        self.net, self.batches, self.groups = frozen_copy(net), batches, groups
        self.weights = prunable(self.net)
        self.values = copy.deepcopy({name: x.data for name, x in self.weights.items()})

    @torch.no_grad()
    def __call__(self, removed: NDArray[np.bool_]) -> float:
        for name, weight in self.weights.items():
            weight.copy_(self.values[name])
        for index in np.flatnonzero(removed):
            for name, chosen in self.groups[index].items():
                self.weights[name].masked_fill_(chosen, 0)
        losses = [
            float(self.batches.loss(self.net(x.double()), double(y))) * len(x)
            for x, y in self.batches
        ]
        return sum(losses) / self.batches.n_samples


def _check(net: nn.Module, groups: Mapping[str, Group]) -> None:
    weights = prunable(net)
    taken = {name: torch.zeros_like(x, dtype=torch.bool) for name, x in weights.items()}
    for group, chosen in groups.items():
        for name, mask in chosen.items():
            if name not in weights or mask.shape != weights[name].shape:
                raise FormatError(
                    f"group {group!r} has a mask of {name!r} of shape {list(mask.shape)}; the "
                    f"weights are {', '.join(f'{k} {list(x.shape)}' for k, x in weights.items())}"
                )
            if bool((taken[name] & mask).any()):
                raise FormatError(
                    f"group {group!r} shares weights of {name!r} with another: give groups apart"
                )
            taken[name] |= mask
