"""Full transfer: all kept weights are trained on, from those of a net; its masks stay."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from netsculpt.core.numbers import checked_number
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.files.saved_state import read_state, write_state
from netsculpt.training.fitting.loop import fit
from netsculpt.training.fitting.metrics import Epoch
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.tasks import Task
from netsculpt.training.transfer.heads import head_of, with_head
from netsculpt.training.transfer.parts import VALIDATION, parts_of
from netsculpt.training.transfer.result import Transferred, best_of, transferred

__all__ = ["full_transfer"]

_DEFAULT = Recipe()


def full_transfer(
    net: nn.Module,
    target: Task,
    recipe: Recipe = _DEFAULT,
    *,
    learning_rates: Sequence[float] = (),
    validation: float = VALIDATION,
    published: bool = False,
    rng: RNG = None,
    device: str = "cpu",
    progress: Callable[[int, Epoch], None] | None = None,
    checkpoints: str | os.PathLike[str] | None = None,
) -> Transferred:
    """Train a net on a target task with a new, dense head; what is pruned stays pruned.

    Norms and biases learn as well. Learning rate and epoch are those with the highest accuracy on
    validation samples, then the lowest loss.

    Parameters
    ----------
    net
        Any net whose output is that of a linear layer; left as it is.
    target
        Its held-out samples are the test; of a task without any, a fifth is.
    recipe
        How it is trained.
    learning_rates
        To choose from, instead of that of the recipe alone. All begin with the same head, and see
        samples in the same order.
    validation
        Share of the training samples that choose.
    published
        Whether the test samples choose, as published code does. The accuracy is then too good.
    rng
        Seed or generator for the split, the head, and the training.
    device
        Where to train.
    progress
        Called with (number of the learning rate, epoch) after every epoch.
    checkpoints
        A folder for the state of each training. The same call resumes from it, to the same bits.

    Raises
    ------
    FormatError
        If the net does not take the inputs of the target, or a checkpoint is of another training,
        or the folder is of other learning rates.
    TopologyError
        If its head cannot be found.

    Notes
    -----
    Iofinova et al., "How well do sparse ImageNet models transfer?", arXiv:2111.13445, section 3.

    Examples
    --------
    >>> from netsculpt.nets import MLP, initial_net
    >>> from netsculpt.training.tasks import parse_task
    >>> net = initial_net(MLP((64, 32, 5)), rng=0)
    >>> target, recipe = parse_task("digits:even-odd", rng=0), Recipe(epochs=4)
    >>> full_transfer(net, target, recipe, learning_rates=(0.01, 0.001), rng=0).accuracy > 0.9
    True
    """
    seed = root_seed(rng)
    rates = [checked_number(x, "a learning rate", above=0) for x in learning_rates]
    rates = sorted(set(rates), reverse=True) or [recipe.learning_rate]
    parts = parts_of(target, validation=validation, published=published, seed=seed)
    head = head_of(net, target.inputs[:1])
    start = with_head(net, head, target.n_outputs, rng=stream(seed, "head"))
    folder = None if checkpoints is None else Path(checkpoints)
    if folder is not None:
        about, plan = {"kind": "transfer", "learning_rates": rates}, folder / "learning-rates.pt"
        if read_state(plan, about) is None:  # each training knows its own rate only
            write_state(plan, about, {})
    fitted, candidates = [], list[dict[str, float]]()
    for number, rate in enumerate(rates):
        found = fit(
            start,
            parts.to_fit,
            replace(recipe, learning_rate=rate),
            rng=seed,
            device=device,
            progress=progress and (lambda epoch, number=number: progress(number, epoch)),
            checkpoint=folder and folder / f"rate-{rate:g}.pt",
        )
        fitted.append(found.net.cpu())
        best = found.best
        row = {"learning_rate": rate, "epoch": best.epoch, "accuracy": best.accuracy}
        candidates.append({**row, "loss": best.validation_loss})
    index = best_of(candidates)
    chosen = {key: candidates[index][key] for key in ("learning_rate", "epoch")}
    return transferred(
        fitted[index], "full", parts, chosen=chosen, candidates=candidates, seed=seed
    )
