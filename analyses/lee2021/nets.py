"""Dense and pruned nets, one for each draw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor, nn

from netsculpt.core.random import RNG, stream
from netsculpt.nets import MLP, initial_net, mask_net
from netsculpt.training import fan_in_corrected, phew, prune
from netsculpt.training.fitting.batches import Batches
from netsculpt.training.parallelism import NetWorkload
from netsculpt.training.pruning.scores import snip
from netsculpt.training.tasks import Task, task

__all__ = ["CORRECTED", "DENSE", "METHODS", "Net", "workload"]

DENSE = "dense"
CORRECTED = "random, corrected"  # random masks, and kept weights that are larger by √(1 / kept)
METHODS = ("snip", "random", CORRECTED, "phew")

_SCORED_TOGETHER = 100  # samples of a batch of SNIP, which sees all of the training set once
_REMEMBERED = 16  # PHEW takes a quarter of a second for each net


@dataclass(frozen=True)
class Net:
    """A net, its task, and how it is pruned before training."""

    method: str
    density: float
    widths: tuple[int, ...] = (64, 32, 10)
    task: str = "digits"
    split: int = 0  # seed of the held-out samples, the same for all draws


@lru_cache(_REMEMBERED)
def workload(net: Net, n_draws: int) -> NetWorkload:
    """Nets of the draws. A draw decides the weights, the mask, and the order of the samples."""
    samples = task(net.task, rng=net.split)
    return NetWorkload(samples, [_made(net, samples, draw) for draw in range(n_draws)])


def _made(net: Net, samples: Task, draw: int) -> nn.Module:
    made = initial_net(MLP(net.widths), rng=stream(draw, "initial weights"))
    if net.method == DENSE:
        return made
    method = "random" if net.method == CORRECTED else net.method
    rng = stream(draw, method, str(net.density))
    choose = partial(prune, made, density=net.density, rng=rng)
    if method == "random":
        pruned = choose(method="random", allocation="erk")
    elif method == "snip":
        pruned = choose(method=partial(_sensitivity, _one_pass(samples)))
    else:
        pruned = phew(made, samples.inputs[:1], net.density, rng=rng, exact=True)
    mask_net(made, pruned.masks)
    return fan_in_corrected(made) if net.method == CORRECTED else made


def _one_pass(samples: Task) -> Batches:
    rows = torch.split(torch.arange(samples.n_samples), _SCORED_TOGETHER)
    return Batches([(samples.inputs[x], samples.targets[x]) for x in rows], samples.goal.loss)


def _sensitivity(
    batches: Batches, net: nn.Module, _: Batches | None = None, *, rng: RNG = None
) -> dict[str, Tensor]:
    """SNIP on batches of its own: `prune` would trace each net for a report on its units."""
    return snip(net, batches, rng=rng)
