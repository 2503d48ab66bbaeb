"""What is asked of a net and a task before its weights are removed."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError, NetsculptWarning, first_line
from netsculpt.nets.prunable import layer_weights
from netsculpt.training.tasks import Task

__all__ = ["require_answers", "require_held_out", "warn_of_zeros"]

_FEW = 2  # samples that are tried


def require_held_out(task: Task) -> Task:
    """The held-out samples of a task; raises if there are none."""
    if task.held_out is None:
        raise FormatError(
            f"task {task.name!r} has no held-out samples, and importance is measured on new data "
            "too: on the command line, choose a task of images or tokens, such as digits, or IDX "
            "files, of which a fifth is held out; in Python, train a net on hold_out(task, 0.2, "
            "rng=0) and measure it on that"
        )
    return task.held_out


@torch.no_grad()
def require_answers(net: nn.Module, task: Task) -> None:
    """Raise unless a net in float64 and eval mode returns the logits that a task needs."""
    inputs = task.inputs[:_FEW].double()
    try:
        logits = net(inputs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise FormatError(
            f"the net does not take the inputs of task {task.name!r}, {list(inputs.shape)} "
            f"({first_line(error)}): give the task that it was trained on"
        ) from error
    shape = list(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if shape != [len(inputs), task.n_outputs]:
        raise FormatError(
            f"the net returns {shape} for {len(inputs)} samples, task {task.name!r} needs logits "
            f"{[len(inputs), task.n_outputs]}: give the task that it was trained on"
        )


def warn_of_zeros(net: nn.Module) -> None:
    """Warn of weights that are 0 in layers without masks: they count as kept."""
    for entry in layer_weights(net):
        zeros, size = int((entry.parameter == 0).sum()), entry.parameter.numel()
        if entry.mask is None and zeros:
            warnings.warn(
                f"{zeros:,} of the {size:,} weights of {entry.name!r} are 0 and count as kept, as "
                "there is no mask: if they are pruned, say so, by "
                "netsculpt.nets.mask_net(net, {name: weight != 0, …})",
                NetsculptWarning,
                stacklevel=3,
            )
