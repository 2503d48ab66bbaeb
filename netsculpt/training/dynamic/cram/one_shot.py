"""A trained net pruned in one step, as CrAM prepares it for."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic.cram.statistics import tune_batch_norms
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.pruning.prune import Allocation, prune
from netsculpt.training.pruning.sparse_net import SparseNet, sparse_net

__all__ = ["one_shot"]


def one_shot(
    net: nn.Module,
    density: float,
    *,
    tune_on: Batches | None = None,
    allocation: str | Allocation = "global",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> SparseNet:
    """Keep the largest weights of a trained net, without any training afterwards.

    Parameters
    ----------
    net
        Any net; left as it is.
    density
        Fraction of the weights to keep, 0 … 1: exactly round(density × weights).
    tune_on
        Batches on which the statistics of batch norms are measured again, by `tune_batch_norms`;
        None leaves them as those of the dense net, with which pruned nets answer badly.
    allocation
        "global": the largest of all layers; or one of `netsculpt.training.pruning.allocations`.
    dense
        Weights to leave alone; they are not counted.
    rng
        Seed or generator.

    Examples
    --------
    >>> sparse = one_shot(nn.Linear(8, 4), 0.25)
    >>> int((sparse.net.weight != 0).sum())
    8
    """
    pruned = prune(
        net,
        method="magnitude",
        density=density,
        batches=tune_on,
        allocation=allocation,
        dense=dense,
        rng=rng,
    )
    sparse = sparse_net(net, pruned)
    if tune_on is not None:
        tune_batch_norms(sparse.net, tune_on)
    return sparse
