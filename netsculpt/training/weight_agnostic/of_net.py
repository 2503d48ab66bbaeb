"""The weight profile of any net."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.numbers import checked_whole
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.copies import copy_of
from netsculpt.nets.drawing import kept_inputs
from netsculpt.nets.masking import LayerParameter, layer_parameters
from netsculpt.nets.prunable import layer_weights
from netsculpt.training.tasks import Bits, Classes, Task
from netsculpt.training.weight_agnostic.measuring import measured_profile
from netsculpt.training.weight_agnostic.result import Rule, WeightProfile, checked_grid

__all__ = ["weight_profile"]

Parameters = dict[str, Tensor]  # weights of the net by name

_AT_ONCE = 1024  # samples
_SPREAD = 3**0.5  # uniform numbers up to it have standard deviation 1


def weight_profile(
    net: nn.Module,
    task: Task,
    *,
    weights: ArrayLike | None = None,
    n_draws: int = 20,
    rng: RNG = None,
) -> WeightProfile:
    r"""Replace all kept weights of a net by few numbers, and measure what it still can do.

    What remains is the pattern of the net, and by the rules "signed" and "scaled" the signs of its
    weights. Four rules make the weight of an edge from one number w: w itself ("shared"); with the
    sign of its own weight ("signed"); that divided by :math:`\sqrt{k}` for a unit of k edges
    ("scaled"), so that depth neither silences nor saturates; and independent uniform numbers of
    standard deviation \|w\| ("random"), the control. Pruned weights stay 0, biases are 0, as in
    weight agnostic networks, and norms keep their factors and statistics.

    Parameters
    ----------
    net
        Any net from inputs [n, n_inputs] to outputs [n, n_outputs]; it is left as it is. Without
        masks, every weight counts as kept.
    task
        Its validation samples are used.
    weights
        [W]; None: `weight_grid`.
    n_draws
        Draws of random weights, the same for every w.
    rng
        Seed or generator. Same seed, same bytes.

    Raises
    ------
    FormatError
        If the net does not fit the task, or has no weights.

    Notes
    -----
    W (3 + `n_draws`) passes over the samples, in float64, in evaluation mode. Where a number
    overflows, scores are NaN. In a net of ReLUs without norms, w > 0 only scales the outputs: the
    accuracy is the same for all of them, the loss is not. Source: Gaier and Ha 2019,
    arXiv:1906.04358, who search for patterns that do well by the first rule.

    Examples
    --------
    >>> from netsculpt.nets import MLP, initial_net
    >>> from netsculpt.training import task
    >>> profile = weight_profile(initial_net(MLP((64, 8, 10)), rng=0), task("digits"), n_draws=2)
    >>> profile.scores.shape
    (4, 18)
    """
    checked_whole(n_draws, "n_draws", least=1)
    grid, samples = checked_grid(weights), task.validation
    if not isinstance(task.goal, Bits | Classes):
        raise FormatError(f"the goal is {task.goal}: bits or classes are needed")
    still = copy_of(net).double().eval()
    entries = layer_weights(still)
    if not entries:
        raise FormatError("the net has no weights of two or more dimensions: nothing to replace")
    inputs = samples.inputs.double()
    without_biases = {
        x.name: torch.zeros_like(x.parameter) for x in layer_parameters(still) if _is_bias(x)
    }
    kept = {
        x.name: (torch.ones_like(x.parameter) if x.mask is None else x.mask.double())
        for x in entries
    }

    def logits(parameters: Mapping[str, Tensor]) -> Tensor:
        return _logits(still, inputs, parameters, samples)

    return measured_profile(
        lambda direction, weight: logits(
            {**without_biases, **{name: weight * x for name, x in direction.items()}}
        ),
        _directions(entries, kept, n_draws, root_seed(rng)),
        {"as it is": logits({}), "without biases": logits(without_biases)},
        grid,
        samples,
    )


@torch.no_grad()
def _logits(
    net: nn.Module, inputs: Tensor, parameters: Mapping[str, Tensor], samples: Task
) -> Tensor:
    """Outputs [n, n_outputs] of the net with some of its parameters replaced."""
    given = dict(parameters)
    parts = [torch.func.functional_call(net, given, (x,)) for x in torch.split(inputs, _AT_ONCE)]
    outputs = torch.cat(parts)
    if list(outputs.shape) != [samples.n_samples, samples.n_outputs]:
        raise FormatError(
            f"the net returns {list(outputs.shape)}, task {samples.name!r} needs "
            f"[{samples.n_samples}, {samples.n_outputs}]: give the task that it was trained on"
        )
    return outputs


@torch.no_grad()
def _directions(
    entries: list[LayerParameter], kept: Parameters, n_draws: int, seed: int
) -> dict[Rule, list[Parameters]]:
    """Weights of the net at w = 1 by each rule."""
    signed = {x.name: x.parameter.sign() * kept[x.name] for x in entries}
    scaled = {
        x.name: signed[x.name] / kept_inputs(kept[x.name], x).clamp(min=1).sqrt() for x in entries
    }

    def drawn(draw: int) -> Parameters:
        rng = stream(seed, "random weights", draw)
        return {
            name: torch.from_numpy(rng.uniform(-_SPREAD, _SPREAD, mask.shape)) * mask
            for name, mask in kept.items()
        }

    return {
        "shared": [kept],
        "signed": [signed],
        "scaled": [scaled],
        "random": [drawn(draw) for draw in range(n_draws)],
    }


def _is_bias(entry: LayerParameter) -> bool:
    """Whether a parameter is a bias, of anything but a norm."""
    norms = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)
    return "bias" in entry.leaf and not isinstance(entry.layer, norms)
