"""What a net answers on samples, and what its layers hold meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.nets.copies import copy_of
from netsculpt.nets.prunable import layer_weights
from netsculpt.training.tasks import Bits, Classes, Task

__all__ = ["activations", "labels", "logits"]

_AT_ONCE = 1024  # samples


@torch.no_grad()
def logits(net: nn.Module, samples: Task, answer: int = 0) -> NDArray[np.float64]:
    """Logits [n, classes] of one answer of a task, in evaluation mode; the net is left as it is.

    A bit is a choice between two classes, with logits 0 and its own.

    Parameters
    ----------
    net
        Any net from inputs [n, n_inputs] to outputs [n, n_outputs].
    samples
        The task; its own samples are used, not the held-out ones.
    answer
        Which bit or which classification.

    Raises
    ------
    FormatError
        If the net's outputs, or the answer, are not those of the task.
    """
    still = copy_of(net).eval()
    outputs = torch.cat([still(part) for part in torch.split(samples.inputs, _AT_ONCE)])
    if list(outputs.shape) != [samples.n_samples, samples.n_outputs]:
        raise FormatError(
            f"the net returns {list(outputs.shape)}, task {samples.name!r} needs "
            f"[{samples.n_samples}, {samples.n_outputs}]: compare nets of this task"
        )
    goal = samples.goal
    _check_answer(samples, answer)
    if isinstance(goal, Bits):
        bit = outputs[:, answer]
        return torch.stack([torch.zeros_like(bit), bit], dim=1).double().cpu().numpy()
    if not isinstance(goal, Classes):
        raise FormatError(f"the goal is {goal}: bits or classes are needed")
    return torch.split(outputs, list(goal.sizes), dim=1)[answer].double().cpu().numpy()


def labels(samples: Task, answer: int = 0) -> NDArray[np.int64]:
    """True classes [n] of one answer of a task."""
    _check_answer(samples, answer)
    return samples.targets[:, answer].long().cpu().numpy()


@torch.no_grad()
def activations(net: nn.Module, inputs: Tensor) -> dict[str, NDArray[np.float64]]:
    """Outputs [n, units] of every layer with weights, before its nonlinearity, in evaluation mode.

    A layer that is called more than once has those of its first call; positions and time steps are
    units too.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> {name: x.shape for name, x in activations(net, torch.zeros(5, 2)).items()}
    {'0': (5, 3), '2': (5, 1)}
    """
    still = copy_of(net).eval()
    layers = {id(weight.layer) for weight in layer_weights(still)}
    parts: dict[str, list[NDArray[np.float64]]] = {}
    seen: set[str] = set()

    def remember(name: str, output: Any) -> None:
        tensor = output[0] if isinstance(output, tuple) else output
        if name not in seen:
            seen.add(name)
            flat = tensor.reshape(len(tensor), -1)
            parts.setdefault(name, []).append(flat.double().cpu().numpy())

    for name, layer in still.named_modules():
        if id(layer) in layers:
            layer.register_forward_hook(
                lambda _layer, _inputs, output, name=name: remember(name, output)
            )
    for part in torch.split(inputs, _AT_ONCE):
        seen.clear()
        still(part)
    return {name: np.concatenate(each) for name, each in parts.items()}


def _check_answer(samples: Task, answer: int) -> None:
    checked_whole(answer, "answer", least=0, most=samples.targets.shape[1] - 1)
