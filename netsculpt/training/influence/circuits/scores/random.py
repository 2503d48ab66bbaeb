"""Random scores: the control of every other one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.gpt.net import GPT
from netsculpt.training.influence.circuits.channels import channels_of
from netsculpt.training.tasks import Task

__all__ = ["random"]


def random(
    net: GPT,
    task: Task,
    *,
    ablation: str = "mean",  # noqa: ARG001 - as all scores
    progress: Progress = silent,  # noqa: ARG001
    rng: RNG = None,
) -> dict[str, NDArray[np.float64]]:
    """Score channels at random, 0 … 1: what cutting finds without being told anything.

    >>> from netsculpt.nets.families import SparseGPT, initial_net
    >>> from netsculpt.training.tasks import quotes
    >>> net = initial_net(SparseGPT(16, 16, width=8, layers=1, heads=1), rng=0)
    >>> len(random(net, quotes(4, rng=0), rng=0)["transformer.h.0.mlp.at.mlp_neuron"])
    32
    """
    seed, sizes = root_seed(rng), channels_of(net, task.inputs).sizes
    return {name: stream(seed, name).random(size) for name, size in sizes.items()}
