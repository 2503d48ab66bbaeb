"""Weights that cross zero are replaced."""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import partial

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG
from netsculpt.training.dynamic import exchanges
from netsculpt.training.dynamic.entries import Entries
from netsculpt.training.dynamic.rewiring import Rewiring, Timing
from netsculpt.training.dynamic.sparsifier import Sparsifier
from netsculpt.training.dynamic.starting import Allocation

__all__ = ["deep_r"]


def deep_r(
    net: nn.Module,
    *,
    density: float | None,
    end: int,
    begin: int = 0,
    every: int = 1,
    penalty: float = 1e-5,
    temperature: float = 0.0,
    allocation: str | Allocation = "erk",
    dense: Collection[str] = (),
    rng: RNG = None,
) -> Sparsifier:
    r"""Deep R: every weight keeps its sign; one that crosses 0 goes, and a random one comes.

    After each step every kept weight moves by :math:`-\eta \alpha s + \sqrt{2 \eta T}\,\nu`, for
    its sign s and a normal number ν: a penalty on its size, and noise.

    Bellec et al., "Deep rewiring", arXiv:1711.05136, algorithm 1.

    Parameters
    ----------
    net
        Any net; masks are put into it.
    density
        Fraction of the weights to keep; None: the masks that it has.
    begin, end, every
        Optimizer steps: the first update, the last possible one, and how far apart they are.
    penalty, temperature
        α and T.
    allocation, dense, rng
        As `Sparsifier` has them.
    """
    rewiring = Rewiring(
        exchange=exchanges.revived,
        start=exchanges.note_signs,
        noise=partial(_walk, penalty=penalty, temperature=temperature),
    )
    timing = Timing(begin, end, every)
    return Sparsifier(
        net,
        rewiring,
        timing,
        density=density,
        allocation=allocation,
        dense=dense,
        rng=rng,
        method="deep_r",
    )


def _walk(entries: Entries, rate: float, *, penalty: float, temperature: float) -> Tensor:
    """What is added to the weights after a step."""
    moved = -rate * penalty * exchanges.sign_of(entries)
    if temperature:
        normal = torch.randn(entries.weight.shape, generator=entries.generator)
        moved = moved + math.sqrt(2 * rate * temperature) * normal.to(entries.weight)
    return moved * entries.kept
