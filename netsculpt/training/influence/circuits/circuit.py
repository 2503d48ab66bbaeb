"""Find the channels of a transformer that are enough for a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_number, checked_whole
from netsculpt.core.progress import Progress, silent
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.gpt.net import GPT
from netsculpt.training.influence.circuits.ablating import ABLATIONS
from netsculpt.training.influence.circuits.result import Circuit
from netsculpt.training.influence.circuits.scores import learned
from netsculpt.training.influence.circuits.searching import Score, Search
from netsculpt.training.pruning.baselines import with_shuffled_weights
from netsculpt.training.tasks import NextToken, Task

__all__ = ["circuit", "circuits"]

LOSS = 0.15  # nats, as published


def circuit(
    net: nn.Module,
    task: Task,
    *,
    score: Score = learned,
    loss: float = LOSS,
    ablation: str = "mean",
    n_samples: int = 512,
    n_random: int = 10,
    control: bool = True,
    progress: Progress = silent,
    rng: RNG = None,
) -> Circuit:
    """Find few channels of a transformer that do a task; its weights stay as they are.

    A node is a channel at a place of a block: what attention and MLP read and write, queries, keys,
    values and neurons. Nodes have a score; those of lowest score are ablated first, as long as the
    loss stays low enough (`netsculpt.training.influence.circuits.cutting`).

    Parameters
    ----------
    net
        A net of the family ``sparse_gpt``, with masks or without.
    task
        A choice between next tokens. Circuits are scored on its samples, cut on the first
        `n_samples` of them, and measured on its validation samples.
    score
        One of `netsculpt.training.influence.circuits.scores`, or a function of that signature.
    loss
        The largest loss that is allowed, in nats.
    ablation
        What takes the place of the other channels while circuits are scored and cut: "zero";
        "mean", over those samples and positions that the loss is measured on; or "resample", the
        activation of another sample at the same position: one pairing, which is drawn once.
    n_random
        Sets of as many channels at each place, drawn at random: a control.
    control
        Whether a circuit is cut from the net with shuffled weights too, the other control: the same
        masks, and in each parameter the same values, in another order.
    progress
        Called as the work goes on.
    rng
        Seed or generator. Same seed, same bytes.

    Returns
    -------
    Circuit
        Loss and accuracy with each of the three ablations, whichever it was cut with: a circuit
        that holds with its own alone is a property of the ablation.

    Raises
    ------
    FormatError
        If the net is of another family, the task is no choice between next tokens, or the ablation
        is unknown.

    Notes
    -----
    As many passes over `n_samples` samples as twice the channels that are left, the cost of the
    scores, and the same again for the control.

    Gao et al. 2025, arXiv:2511.13653, learn gates with mean ablation and ask for a loss of .15.
    They keep the nodes of highest gates; here, nodes among them that can be missed are cut too.

    Examples
    --------
    >>> from netsculpt.nets.families import SparseGPT, initial_net
    >>> from netsculpt.training.influence.circuits.scores import path_share
    >>> from netsculpt.training.tasks import quotes
    >>> net = initial_net(SparseGPT(16, 16, width=8, layers=1, heads=1), rng=0)
    >>> found = circuit(net, quotes(64, rng=0), score=path_share, loss=0.8, control=False, rng=0)
    >>> found.reached, found.n_nodes, found.n_nodes_of_net
    (True, 0, 88)
    """
    options: dict[str, Any] = {
        "score": score,
        "ablation": ablation,
        "n_samples": n_samples,
        "n_random": n_random,
        "control": control,
    }
    return circuits(net, task, [loss], **options, progress=progress, rng=rng)[0]


def circuits(
    net: nn.Module,
    task: Task,
    losses: Sequence[float],
    *,
    score: Score = learned,
    ablation: str = "mean",
    n_samples: int = 512,
    n_random: int = 10,
    control: bool = True,
    progress: Progress = silent,
    rng: RNG = None,
) -> list[Circuit]:
    """Find a circuit for each of some losses, given in ascending order; see `circuit`.

    Channels are scored once, and each circuit is cut out of the one before it.
    """
    _check(net, task, ablation)
    if not callable(score):
        raise FormatError(
            f"score {score!r:.40} is not a function: give one of "
            "netsculpt.training.influence.circuits.scores, such as scores.learned"
        )
    for loss in losses:
        checked_number(loss, "loss", least=0)
    if list(losses) != sorted(losses):
        raise FormatError(f"losses are {list(losses)}: give them in ascending order")
    checked_whole(n_samples, "n_samples", least=1)
    checked_whole(n_random, "n_random", least=0)
    seed = root_seed(rng)
    search = Search(task, tuple(losses), score, ablation, n_samples, n_random, seed)
    found = search.of(net, progress)
    if not control:
        return found
    shuffled = with_shuffled_weights(net, rng=stream(seed, "control"))
    others = search.of(shuffled, lambda stage, *done: progress(f"control: {stage}", *done))
    return [replace(x, control=y) for x, y in zip(found, others, strict=True)]


def _check(net: nn.Module, task: Task, ablation: str) -> None:
    if not isinstance(net, GPT):
        raise FormatError(
            "circuits are found in nets of the family sparse_gpt, and this net, a "
            f"{type(net).__name__}, is of another one"
        )
    if not isinstance(task.goal, NextToken):
        raise FormatError(
            f"task {task.name!r:.60} is not a choice between next tokens: name a token task, such "
            "as quotes or brackets"
        )
    if ablation not in ABLATIONS:
        raise FormatError(f"no ablation {ablation!r:.40}: name one of {', '.join(ABLATIONS)}")
