"""Stitching: a module of a source net put into a target net in the place of the target's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.plain import plain
from netsculpt.core.random import RNG, root_seed, stream
from netsculpt.nets.families import Gate
from netsculpt.nets.masks import zero_pruned

__all__ = ["Stitching", "stitched", "stitching"]

Floats = NDArray[np.float64]
_CONSTANT = 1e-12


@dataclass(frozen=True)
class Stitching:
    """Accuracy of a target net with a source's module in the place of its own."""

    accuracy: float  # of the target as it is
    accuracy_stitched: float
    accuracy_without: float  # with the target's module silenced: its units at their means
    accuracy_random: float  # mean over units of the source at random, of the same layers
    sd_random: float
    p: float  # (number of random sets that are as accurate as the module + 1) / (n_draws + 1)
    n_draws: int

    @property
    def kept(self) -> float:
        """(stitched − without) / (target − without): 1 = as good as its own, 0 = as none.

        NaN if the target is no better with its module than without.
        """
        gain = self.accuracy - self.accuracy_without
        return (self.accuracy_stitched - self.accuracy_without) / gain if gain > 0 else math.nan

    def summary(self) -> dict[str, Any]:
        """Plain numbers, JSON-able; what is undefined is None."""
        names = ("accuracy", "accuracy_stitched", "accuracy_without", "accuracy_random")
        numbers = {name: getattr(self, name) for name in (*names, "sd_random", "kept", "p")}
        summary: dict[str, Any] = plain({**numbers, "n_draws": self.n_draws})
        return summary


def stitching(
    source: nn.Module,
    target: nn.Module,
    source_units: ArrayLike,
    target_units: ArrayLike,
    inputs: Tensor,
    score: Callable[[Tensor], float],
    *,
    n_draws: int = 99,
    rng: RNG = None,
) -> Stitching:
    """Replace a module of the target by one of the source, and measure what accuracy is kept.

    The source's units take the place of the target's with their own incoming weights and biases.
    Units are paired within layers, one to one, so that their absolute correlation is largest, and
    each unit is translated into its partner by the best scale and shift: those that feed the module
    on its inputs, those that it feeds on its outputs. So neither the order nor the scale of units
    matters. It is a test of function: a module that computes the same in another way passes it.

    Parameters
    ----------
    source, target
        Nets of ``nn.Linear`` layers in a row with activations between them (`MLP`, or your own
        ``nn.Sequential``), with as many layers and the same inputs. Neither is changed.
    source_units, target_units
        Which units are in the module [U_S] and [U_T], boolean: inputs, hidden units by layer,
        outputs, as in the net's graph. Hidden units only.
    inputs
        Samples [n, n_inputs] that units are paired on and that the score is for.
    score
        Accuracy of the outputs [n, n_outputs] for the inputs: a number, larger is better.
    n_draws
        Random sets of the source's hidden units with as many in each layer, for comparison.
    rng
        Seed or generator.

    Raises
    ------
    FormatError
        If a net is of another kind, the nets differ in depth or inputs, or a module is empty or
        has inputs or outputs.

    Notes
    -----
    Whole layers are stitched by Lenc and Vedaldi, arXiv:1411.5908, and Bansal et al.,
    arXiv:2106.07682, with a trained layer between the parts; here nothing is trained.
    """
    parts = [_read(net, name) for net, name in ((source, "source"), (target, "target"))]
    modules = _checked(parts, source_units, target_units, inputs)
    states = [_states(part, inputs) for part in parts]
    chosen = _by_layer(modules[0], parts[0])

    def accuracy(own: list[NDArray[np.bool_]]) -> float:
        plan = _plan(parts, states, own, _by_layer(modules[1], parts[1]))
        return float(score(_run(plan, inputs)))

    generator = stream(root_seed(rng), "stitching")
    draws = np.array([accuracy(_drawn(chosen, generator)) for _ in range(n_draws)])
    value = accuracy(chosen)
    none = [np.zeros_like(layer) for layer in chosen]
    return Stitching(
        accuracy=float(score(_run(parts[1], inputs))),
        accuracy_stitched=value,
        accuracy_without=accuracy(none),
        accuracy_random=float(draws.mean()) if n_draws else math.nan,
        sd_random=float(draws.std()) if n_draws else math.nan,
        p=(int((draws >= value).sum()) + 1) / (n_draws + 1),
        n_draws=n_draws,
    )


def stitched(
    source: nn.Module,
    target: nn.Module,
    source_units: ArrayLike,
    target_units: ArrayLike,
    inputs: Tensor,
) -> nn.Sequential:
    """The target net with the source's module in it, as `stitching` measures it.

    Parameters and errors are those of `stitching`. In each layer the target's remaining units come
    first, then those of the source.
    """
    parts = [_read(net, name) for net, name in ((source, "source"), (target, "target"))]
    modules = _checked(parts, source_units, target_units, inputs)
    states = [_states(part, inputs) for part in parts]
    own = [_by_layer(module, part) for module, part in zip(modules, parts, strict=True)]
    plan = _plan(parts, states, own[0], own[1])
    layers: list[nn.Module] = []
    for weight, bias, activation in zip(plan.weights, plan.biases, plan.activations, strict=True):
        layer = nn.Linear(weight.shape[1], weight.shape[0])
        layer.weight.data = torch.from_numpy(weight).to(inputs.dtype)
        layer.bias.data = torch.from_numpy(bias).to(inputs.dtype)
        layers += [layer, *deepcopy(activation)]
    return nn.Sequential(*layers)


@dataclass(frozen=True, eq=False)
class _Chain:
    """A net as weights [out, in], biases, and what stands behind each layer."""

    weights: list[Floats]
    biases: list[Floats]
    activations: list[list[nn.Module]]

    @property
    def widths(self) -> list[int]:
        return [self.weights[0].shape[1], *map(len, self.weights)]


def _read(net: nn.Module, name: str) -> _Chain:
    needed = "nn.Linear layers in a row with activations without parameters between them are needed"
    if not isinstance(net, nn.Sequential) or not len(net) or not isinstance(net[0], nn.Linear):
        raise FormatError(f"the {name} is a {type(net).__name__}: {needed}, as in an MLP")
    zero_pruned(net)
    chain = _Chain([], [], [])
    for part in net:
        if isinstance(part, nn.Linear):
            weight = part.weight.detach().double().cpu().numpy()
            bias = np.zeros(len(weight))
            if part.bias is not None:
                bias = part.bias.detach().double().cpu().numpy()
            chain.weights.append(weight)
            chain.biases.append(bias)
            chain.activations.append([])
        elif isinstance(part, Gate) and bool((part.open == 1).all()):
            continue  # lets everything pass
        elif isinstance(part, Gate) or any(True for _ in part.parameters()):
            raise FormatError(f"the {name} contains a {type(part).__name__}: {needed}")
        else:
            chain.activations[-1].append(part)
    return chain


def _checked(
    parts: list[_Chain], source_units: ArrayLike, target_units: ArrayLike, inputs: Tensor
) -> list[NDArray[np.bool_]]:
    widths = [part.widths for part in parts]
    if len(widths[0]) != len(widths[1]) or widths[0][0] != widths[1][0]:
        raise FormatError(
            f"the source has layers of {widths[0]} units, the target of {widths[1]}: as many "
            "layers and the same inputs are needed"
        )
    if inputs.ndim != 2 or inputs.shape[1] != widths[0][0]:
        raise FormatError(
            f"inputs are {list(inputs.shape)}: samples [n, {widths[0][0]}] are needed"
        )
    modules = [np.asarray(units, dtype=bool) for units in (source_units, target_units)]
    for module, own, name in zip(modules, widths, ("source", "target"), strict=True):
        fits = module.shape == (sum(own),)
        ends = fits and (module[: own[0]].any() or module[-own[-1] :].any())
        if not fits or ends or not module.any():
            raise FormatError(
                f"the module of the {name} is {int(module.sum())} of {list(module.shape)} units: "
                f"some hidden units of {sum(own)} are needed, no inputs and no outputs"
            )
    return modules


def _by_layer(units: NDArray[np.bool_], part: _Chain) -> list[NDArray[np.bool_]]:
    return np.split(units, np.cumsum(part.widths)[:-1])


def _drawn(
    chosen: list[NDArray[np.bool_]], generator: np.random.Generator
) -> list[NDArray[np.bool_]]:
    """As many units of each layer, at random; inputs and outputs have none."""
    return [generator.permutation(layer) if layer.any() else layer for layer in chosen]


def _states(part: _Chain, inputs: Tensor) -> list[Floats]:
    """Activations [n, units] of each layer, inputs first."""
    values = [inputs.detach().double().cpu()]
    with torch.no_grad():
        for weight, bias, activation in zip(
            part.weights, part.biases, part.activations, strict=True
        ):
            x = values[-1] @ torch.from_numpy(weight).T + torch.from_numpy(bias)
            for module in activation:
                x = module(x)
            values.append(x)
    return [x.numpy() for x in values]


def _run(part: _Chain, inputs: Tensor) -> Tensor:
    return torch.from_numpy(_states(part, inputs)[-1])


def _plan(
    parts: list[_Chain],
    states: list[list[Floats]],
    source: list[NDArray[np.bool_]],
    target: list[NDArray[np.bool_]],
) -> _Chain:
    """The stitched net: in each layer the target's remaining units, then the source's."""
    plan = _Chain([], [], parts[1].activations)
    ours, theirs = parts
    for layer, (weight, bias) in enumerate(zip(theirs.weights, theirs.biases, strict=True)):
        stay, put = ~target[layer + 1], source[layer + 1]
        below = states[0][layer], states[1][layer]
        # What the target's remaining units read: its own units, and partners of those replaced.
        read = _translated(below[0][:, source[layer]], below[1][:, target[layer]])
        upper = weight[stay][:, target[layer]]
        from_target = [weight[stay][:, ~target[layer]], upper @ read[0]]
        bias_target = bias[stay] + upper @ read[1]
        # What the source's units read: partners of the source's other units, and their own kind.
        feed = _translated(below[1][:, ~target[layer]], below[0][:, ~source[layer]], layer == 0)
        lower = ours.weights[layer][put][:, ~source[layer]]
        from_source = [lower @ feed[0], ours.weights[layer][put][:, source[layer]]]
        bias_source = ours.biases[layer][put] + lower @ feed[1]
        plan.weights.append(np.block([from_target, from_source]))
        plan.biases.append(np.concatenate([bias_target, bias_source]))
    return plan


def _translated(given: Floats, wanted: Floats, is_same: bool = False) -> tuple[Floats, Floats]:
    """Matrix [wanted, given] and shift [wanted] that tell each wanted unit from a given partner.

    Partners are one to one, with the largest total |correlation|; a unit without a partner is told
    by its mean. Inputs are their own partners.
    """
    from scipy.optimize import linear_sum_assignment

    if is_same:
        return np.eye(wanted.shape[1]), np.zeros(wanted.shape[1])
    matrix, shift = np.zeros((wanted.shape[1], given.shape[1])), wanted.mean(axis=0)
    x, y = given - given.mean(axis=0), wanted - shift
    spread = [np.sqrt((z**2).sum(axis=0)) for z in (x, y)]
    sizes = [np.abs(z).max(axis=0, initial=0.0) for z in (given, wanted)]
    varies = [s > _CONSTANT * np.maximum(m, 1.0) for s, m in zip(spread, sizes, strict=True)]
    covariance = y.T @ x  # [wanted, given]
    scale = np.outer(spread[1], spread[0])
    related = np.outer(varies[1], varies[0])
    correlation = np.divide(covariance, scale, out=np.zeros_like(scale), where=related)
    for row, column in zip(*linear_sum_assignment(np.abs(correlation), maximize=True), strict=True):
        if related[row, column]:
            matrix[row, column] = covariance[row, column] / spread[0][column] ** 2
    shift = shift - matrix @ given.mean(axis=0)
    return matrix, shift
