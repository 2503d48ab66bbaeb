"""How often a net's answers change when one of its units takes a value from another sample."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from netsculpt.core.errors import FormatError
from netsculpt.nets.families import Gate
from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.tasks import Task

__all__ = ["answer_flips"]

_NUMBERS = 1 << 22  # activations that are computed at a time


def answer_flips(replicas: Replicas, task: Task, *, n_values: int = 32) -> NDArray[np.float64]:
    r"""Share of samples in which an output's answer changes with one unit's value.

    In every validation sample x, unit u is set to values v that it has in other samples, while
    everything that is not downstream of u stays unchanged:

    .. math:: T_{uo} = P_{x, v}\,[\,\hat y_o(x) \ne \hat y_o(x \mid a_u = v)\,]

    An answer is a bit (logit > 0) or the class with the largest logit, which all outputs of the
    classification share. With answers of 0 and 1, T is twice the total-effect index of u, not
    divided by the variance; for an input that is 0 and 1 equally often it is half the share of
    samples in which flipping the input flips the answer. Kept paths that never change an answer
    do not count; no measure of the weights alone can see that.

    The row of an output o' is how often the answers of o' and o change together when inputs are
    changed like this: outputs of one function, or of its negation, always do.

    Parameters
    ----------
    replicas
        The nets to measure.
    task
        The task; units are measured on its validation samples.
    n_values
        Number of values v per unit: evenly spaced quantiles of its activation. If there are no
        more samples than that, all values are used, so that results on a small truth table are
        exact.

    Returns
    -------
    float64 [R, U, O], 0 … 1, in the order of units of the net's graph: inputs, hidden units by
    layer, outputs. 0 for units that are constant on the samples or have no outputs.

    Raises
    ------
    FormatError
        If the nets do not fit the task, or `n_values` is below 2.

    Notes
    -----
    A unit that others can replace has less influence, down to 0. O(R U n_values n E) for n samples
    and E weights, with some 100 MB of memory. Computed in float64, so that rounding flips nothing.

    M. J. W. Jansen, Analysis of variance designs for model output, 1999,
    doi:10.1016/S0010-4655(98)00154-4, total effect by resampling one input; R. O'Donnell, Analysis
    of Boolean Functions, 2014, arXiv:2105.10386, definition 2.13 (influence).

    Examples
    --------
    >>> from netsculpt.nets.families import MLP
    >>> from netsculpt.training.sculpting.replicas import initial_replicas
    >>> from netsculpt.training.tasks import boolean
    >>> net = initial_replicas(MLP((2, 1, 1)), [0])
    >>> weights = {"fc1.weight": [[1.0, 1.0]], "fc1.bias": [-1.0], "fc2.weight": [[1.0]]}
    >>> for name, values in weights.items():
    ...     net.parameters[name][0] = torch.tensor(values)
    >>> answer_flips(net, boolean("both = a & b"))[0].tolist()
    [[0.25], [0.25], [0.375], [0.25]]
    """
    samples = task.validation
    spec = replicas.spec
    if (spec.n_inputs, spec.n_outputs) != (samples.n_inputs, samples.n_outputs):
        raise FormatError(
            f"the nets have {spec.n_inputs} inputs and {spec.n_outputs} outputs, "
            f"task {task.name!r} has {samples.n_inputs} and {samples.n_outputs}: both must be the "
            "same"
        )
    if n_values < 2:
        raise FormatError(f"n_values is {n_values}: at least 2 are needed for a value to change")
    samples = samples.to(replicas.device)
    rows = range(replicas.n_replicas)
    return np.stack([_flips_of_one(replicas, row, samples, n_values) for row in rows])


@torch.no_grad()
def _flips_of_one(
    replicas: Replicas, row: int, samples: Task, n_values: int
) -> NDArray[np.float64]:
    parameters = {name: values[row].double() for name, values in replicas.parameters.items()}
    n, goal = samples.n_samples, samples.goal
    n_values = min(n, n_values)
    quantiles = ((torch.arange(n_values) + 0.5) * n / n_values).long()
    x, rows, together = samples.inputs.double(), [], torch.zeros(())
    before = goal.answers(_run(replicas.net, parameters, x))
    for layer, (weight, step, rest) in enumerate(_layers(replicas)):
        values = x.sort(dim=0).values[quantiles]  # [n_values, units]
        works = replicas.masks[weight][row].any(dim=0) & (values[0] != values[-1])
        units = works.nonzero()[:, 0].repeat_interleave(n_values)  # one entry per value to try
        tried = values.T[works].flatten()
        flips = torch.zeros(x.shape[1], before.shape[1], dtype=torch.float64, device=x.device)
        both = torch.zeros(before.shape[1], before.shape[1], dtype=torch.float64, device=x.device)
        for part in torch.split(torch.arange(units.numel()), max(1, _NUMBERS // x.numel())):
            changed_x = x.repeat(part.numel(), 1, 1)
            changed_x[torch.arange(part.numel()), :, units[part]] = tried[part, None]
            after = goal.answers(_run(rest, parameters, changed_x))
            changed = (after != before).double()  # [tries, n, answers]
            flips.index_add_(0, units[part], changed.sum(dim=1))
            both += changed.flatten(0, 1).T @ changed.flatten(0, 1)
        rows.append(flips / (n_values * n))
        if layer == 0:
            together = both / (n_values * n * x.shape[1])
        x = _run(step, parameters, x)
    owner = goal.answer_of_output.to(x.device)
    rows.append(together[owner])
    return torch.cat(rows)[:, owner].cpu().numpy()


def _layers(replicas: Replicas) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """For each layer but the last: the weight that reads it, the net to the next and to the last.

    The activations of a hidden layer are the output of its gate.
    """
    net = replicas.net
    ends = [end for end, part in enumerate(net, start=1) if isinstance(part, Gate)]
    for start, stop, weight in zip([0, *ends], [*ends, len(net)], replicas.weights, strict=True):
        yield weight, net[start:stop], net[start:]


def _run(part: nn.Module, parameters: dict[str, Tensor], x: Tensor) -> Tensor:
    used = {name: parameters[name] for name, _ in part.named_parameters()}
    activation: Tensor = functional_call(part, used, (x,))
    return activation
