"""Statistics of batch norms: kept through a pass that must leave none, and tuned after pruning."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.training.fitting.batches import Batches

__all__ = ["kept_buffers", "tune_batch_norms"]


@contextmanager
def kept_buffers(net: nn.Module) -> Iterator[None]:
    """Give every buffer its values back after a block, in place.

    Batch statistics are used in the block as ever. So the running statistics and the counters of
    batch norms of every kind, of instance norms, of norms of other packages and what spectral norm
    iterates do not depend on the passes in it. Masks never change in a pass and are not copied.
    """
    before = [(x, x.clone()) for x in net.buffers() if x.dtype != torch.bool]
    try:
        yield
    finally:
        for buffer, values in before:
            buffer.copy_(values)


@torch.no_grad()
def tune_batch_norms(
    net: nn.Module, batches: Batches, *, n_batches: int = 100, momentum: float = 0.1
) -> None:
    r"""Measure the running statistics of batch norms again, in place: after one-shot pruning.

    From 0 and 1 on, each batch moves them by :math:`\mu \leftarrow (1 - m)\,\mu + m\,\hat\mu`.
    Nothing else of the net changes, and it is not trained.

    Parameters
    ----------
    net
        Any net; without norms that track statistics it stays as it is. Norms use batch statistics
        while they are measured; other layers, such as dropout, run as in evaluation.
    batches
        Training samples, of which the inputs are used.
    n_batches
        Number of passes; batches are taken again from the first one when they run out. Published:
        100 batches of 128 out of 1000 samples.
    momentum
        m, the weight of a batch: an exponential average, not a cumulative one.

    Notes
    -----
    Published together with CrAM, Peste et al., arXiv:2207.14200.

    Examples
    --------
    >>> norm = nn.BatchNorm1d(1)
    >>> batch = torch.tensor([[4.0], [6.0]])
    >>> tune_batch_norms(norm, Batches([(batch, batch)]), n_batches=2)
    >>> round(float(norm.running_mean), 4)
    0.95
    """
    checked_whole(n_batches, "n_batches", least=1)
    checked_number(momentum, "momentum", above=0, most=1)
    norms = [
        layer
        for layer in net.modules()
        if isinstance(layer, nn.modules.batchnorm._NormBase) and layer.track_running_stats
    ]
    if not norms:
        return
    modes = [(layer, layer.training) for layer in net.modules()]
    momenta = [(norm, norm.momentum) for norm in norms]
    net.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
            norm.momentum = momentum
        for inputs, _ in itertools.islice(itertools.cycle(batches), n_batches):
            net(inputs)
    finally:
        for norm, published in momenta:
            norm.momentum = published
        for layer, training in modes:
            layer.training = training
