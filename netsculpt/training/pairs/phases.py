"""What the sparse and dense phases of a training have memorised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from netsculpt.compare.pair import Memorised, memorised
from netsculpt.training.pairs.running import logits
from netsculpt.training.tasks.relabelled import Relabelled

__all__ = ["memorised_by_phase"]


def memorised_by_phase(
    nets: Sequence[nn.Module], relabelled: Relabelled, *, answer: int = 0
) -> Memorised:
    """Share of relabelled training samples that nets have memorised, after each phase.

    Parameters
    ----------
    nets
        The net at the end of every phase.
    relabelled
        The task that they were trained on.
    answer
        Which bit or which classification.

    Notes
    -----
    Peste et al., AC/DC, arXiv:2106.12379, section 4.3: sparse phases forget what dense phases have
    memorised.

    Examples
    --------
    >>> from netsculpt.nets import MLP, initial_net
    >>> from netsculpt.training.tasks import digits, relabelled
    >>> noisy = relabelled(digits(), 0.1, rng=0)
    >>> by_phase = memorised_by_phase([initial_net(MLP((64, 10)), rng=0)], noisy)
    >>> by_phase.n_wrong + by_phase.n_unchanged
    180
    """
    task, rows = relabelled.task, relabelled.rows
    samples = replace(task, inputs=task.inputs[rows], targets=task.targets[rows], held_out=None)
    answers = np.stack([logits(net, samples, answer).argmax(axis=1) for net in nets])
    given, true = samples.targets[:, answer], relabelled.true_targets[:, answer]
    return memorised(answers, given.cpu().numpy(), true.cpu().numpy())
