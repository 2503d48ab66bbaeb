"""Growth by the topology of the masks alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.training.dynamic import budgets, drops, fractions, grows, processes
from netsculpt.training.dynamic.choosing import Drop, Highest, Lowest, Sampled, Score
from netsculpt.training.dynamic.constraints.chains import Chains, linear_chains
from netsculpt.training.dynamic.initial_masks import masked, receptive_fields, uniform
from netsculpt.training.dynamic.resizing import ByLayer
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.settling import Settling
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation, allocation_of, trained_weights

__all__ = ["cht"]


def cht(
    net: nn.Module,
    *,
    density: float | None,
    end: int,
    begin: int = 0,
    every: int = 100,
    fraction: float = 0.3,
    grow: Score = grows.ch3_l3n,
    drop: Score = drops.relative,
    temperature: float = 0.0,
    start: float | None = None,
    spread: float = 1.0,
    chains: Sequence[Sequence[str]] | None = None,
    most_returning: float | None = None,
    allocation: str | Allocation = "uniform",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    """CHT: drop by relative size, remove dead ends, grow where the mask predicts links.

    No gradient of pruned weights is needed. A layer grows as many weights as dropped or lay in dead
    ends; what was dropped may return. With a `temperature` it is CHTs, whose drop is drawn by lot;
    with a `start` as well CHTss, whose density falls along a sigmoid.

    Zhang et al., "Epitopological learning and Cannistraci–Hebb network shape intelligence
    brain-inspired theory for ultra-sparse advantage in deep learning", ICLR 2024 (CHT);
    arXiv:2501.19107 (CHTs, CHTss).

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights to keep; None: the masks that it has.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    fraction
        Share of the kept weights of each layer that an update drops.
    grow
        `ch2_l3n`, `ch3_l3n` or `ch3_l3p` of `netsculpt.training.dynamic.grows`.
    drop
        A score of `netsculpt.training.dynamic.drops`.
    temperature
        Of the drop: 0 drops the lowest; see `netsculpt.training.dynamic.Sampled`.
    start
        Density at first, from which it falls to `density`; by default it does not change.
    spread
        Of the receptive fields that the first masks have, 0 … 1; 1: masks are random. See
        `netsculpt.training.dynamic.initial_masks.receptive_fields`.
    chains
        Weights that feed each other, without any other way around them, in which dead ends are
        removed; () removes none. By default those of a multi-layer perceptron.
    most_returning
        A layer is not rewired any more once a larger share of what it dropped returned at once.
    allocation, dense, rng
        As `Sparsifier` has them.

    Raises
    ------
    TopologyError
        If `chains` is left out and the net is not a multi-layer perceptron.

    Examples
    --------
    >>> from netsculpt.nets.families import MLP
    >>> net = MLP((64, 32, 16, 10)).build()
    >>> sparsifier = cht(net, density=0.1, end=75, temperature=0.5, spread=0.25, rng=0)
    >>> sparsifier.n_kept
    {'fc1.weight': 205, 'fc2.weight': 51, 'fc3.weight': 16}
    """
    inner = processes.unwrapped(net)
    sparse = list(trained_weights(inner, dense))
    if chains is None:
        chains = linear_chains(inner, sparse)
    budget = resize = None
    if start is not None:
        if density is None:
            raise FormatError("start is given without a density: give the one to end at as well")
        budget = partial(budgets.sigmoid, density=density, start=start)
        resize = ByLayer(drop, allocation_of(allocation))
    if density is not None:
        first = density if start is None else start
        draw = uniform if spread == 1 else partial(receptive_fields, spread=spread)
        rng = masked(net, draw, density=first, allocation=allocation, dense=dense, rng=rng)
    goes: Drop = Sampled(drop, temperature) if temperature else Lowest(drop)
    rewiring = Rewiring(
        partial(fractions.constant, share=fraction),
        goes if most_returning is None else Settling(goes, most_returning),
        Highest(grow),
        budget=budget,
        resize=resize,
        constraint=Chains(tuple(map(tuple, chains))) if chains else None,
    )
    return Sparsifier(
        net,
        rewiring,
        Timing(begin, end, every),
        density=None,
        allocation=allocation,
        dense=dense,
        rng=rng,
        method="cht",
    )
