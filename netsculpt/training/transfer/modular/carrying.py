"""Hidden units of a source net, with all that they read, in the places of a wider net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from netsculpt.core.errors import FormatError
from netsculpt.core.random import stream
from netsculpt.training.sculpting.replicas import Replicas

__all__ = ["Carried", "carried", "mean_squares", "rescaled", "shuffled", "widened"]

_Units = tuple[Tensor, ...]  # by hidden layer, bool [width]


@dataclass(frozen=True, eq=False)
class Carried:
    """Units of a net, which read nothing but each other and the inputs."""

    net: Replicas  # one net; of the units' incoming weights what the units keep, nothing else
    units: _Units

    @property
    def n_units(self) -> tuple[int, ...]:
        """Units by hidden layer."""
        return tuple(int(own.sum()) for own in self.units)


def widened(source: Replicas, hidden: Sequence[int]) -> Replicas:
    """Nets of the same function with more hidden units; the new ones have no edges.

    Parameters
    ----------
    source
        One net or more.
    hidden
        Width of each hidden layer, none smaller than the source's.

    Raises
    ------
    FormatError
        If there are other layers, or a width is smaller.

    Examples
    --------
    >>> from netsculpt.nets import MLP
    >>> from netsculpt.training.sculpting.replicas import initial_replicas
    >>> net = initial_replicas(MLP((4, 3, 2)), [0])
    >>> wide = widened(net, (5,))
    >>> wide.spec.widths, int(wide.n_kept()) == int(net.n_kept())
    ((4, 5, 2), True)
    """
    widths = source.spec.widths
    own = widths[1:-1]
    if len(hidden) != len(own) or any(a > b for a, b in zip(own, hidden, strict=True)):
        raise FormatError(
            f"hidden layers of {list(hidden)} units are asked for, the source has {list(own)}: as "
            "many layers are needed, with at least as many units in each"
        )
    spec = replace(source.spec, widths=(widths[0], *hidden, widths[-1]))
    parameters, masks = dict[str, Tensor](), dict[str, Tensor]()
    for (below, width), name in zip(pairwise(spec.widths), source.weights, strict=True):
        for own_name, shape in ((name, (width, below)), (_bias(name), (width,))):
            place = (slice(None), *(slice(n) for n in source.parameters[own_name].shape[1:]))
            parameters[own_name] = torch.zeros(source.n_replicas, *shape)
            masks[own_name] = torch.zeros(source.n_replicas, *shape, dtype=torch.bool)
            parameters[own_name][place] = source.parameters[own_name]
            masks[own_name][place] = source.masks[own_name]
    return Replicas(spec, spec.build(), parameters, masks)


def carried(source: Replicas, units: ArrayLike | None) -> Carried:
    """Units of one net and all hidden units that they read, directly or through others.

    Parameters
    ----------
    source
        One net.
    units
        Boolean [U]: inputs, hidden units by layer, outputs. None: all hidden units on a path from
        an input to an output.
    """
    kept = [source.masks[name][0] for name in source.weights]
    chosen = _on_a_path(kept) if units is None else _by_layer(source, units)
    for layer in range(len(chosen) - 1, 0, -1):
        read = kept[layer][chosen[layer]].any(0)
        chosen[layer - 1] = chosen[layer - 1] | read
    if not any(bool(own.any()) for own in chosen):
        raise FormatError(
            "no hidden unit is to be carried over: choose some, or give a source whose hidden "
            "units are on a path from its inputs to its outputs"
        )
    masks = {name: torch.zeros_like(mask) for name, mask in source.masks.items()}
    for name, own in zip(source.weights, chosen, strict=False):
        masks[name][0, own], masks[_bias(name)][0, own] = True, True
    return Carried(source.masked(masks), tuple(chosen))


def mean_squares(net: Replicas, inputs: Tensor) -> list[Tensor]:
    """Mean squared activation of each hidden unit of one ReLU net, layer by layer [width]."""
    found, values = [], inputs.double()
    for name in net.weights[:-1]:
        weight, bias = net.parameters[name][0], net.parameters[_bias(name)][0]
        values = torch.relu(values @ weight.double().T + bias.double())
        found.append(values.square().mean(0))
    return found


def rescaled(module: Carried, inputs: Tensor, wanted: Sequence[Tensor]) -> Carried:
    """The same function, each unit with a given mean square on some samples, a scalar by layer.

    The scale of a ReLU unit means nothing: its incoming weights times c and its outgoing ones
    divided by c is the same net. How fast it is learned from depends on it. Units that are 0 on
    all samples are scaled by the squares of their incoming weights and bias instead.
    """
    squares = mean_squares(module.net, inputs)
    parameters = dict(module.net.parameters)
    below = torch.ones(module.net.spec.n_inputs, dtype=torch.float64)
    for name, found, size in zip(module.net.weights, squares, wanted, strict=False):
        weight = parameters[name].double() / below
        bias = parameters[_bias(name)].double()
        silent = weight.square().sum(-1) + bias.square()
        strength = torch.where(found > 0, found, silent)[0]
        factor = torch.where(strength > 0, (size / strength).sqrt(), 1.0)
        parameters[name] = (weight * factor[:, None]).float()
        parameters[_bias(name)] = (bias * factor).float()
        below = factor
    return replace(module, net=replace(module.net, parameters=parameters))


def shuffled(module: Carried, seed: int) -> Carried:
    """The same weights, biases and pruned places in another order, within each layer.

    The weights that the layer's units may have are dealt out again: those from inputs, or from
    carried units of the layer below.
    """
    parameters = {name: x.clone() for name, x in module.net.parameters.items()}
    masks = {name: x.clone() for name, x in module.net.masks.items()}
    below = torch.ones(module.net.spec.n_inputs, dtype=torch.bool)
    for name, own in zip(module.net.weights, module.units, strict=False):
        for entries, block in ((name, own[:, None] & below), (_bias(name), own)):
            order = stream(seed, "shuffled", entries).permutation(int(block.sum()))
            for tensors in (parameters, masks):
                values = tensors[entries][0]
                values[block] = values[block][torch.from_numpy(order)]
        below = own
    return replace(module, net=replace(module.net, parameters=parameters, masks=masks))


def _on_a_path(kept: Sequence[Tensor]) -> list[Tensor]:
    """Hidden units that an input reaches and that reach an output, layer by layer."""
    forward, reached = [], torch.ones(kept[0].shape[1], dtype=torch.bool)
    for mask in kept[:-1]:
        reached = (mask & reached).any(1)
        forward.append(reached)
    backward, read = [], torch.ones(kept[-1].shape[0], dtype=torch.bool)
    for mask in reversed(kept[1:]):
        read = (mask & read[:, None]).any(0)
        backward.append(read)
    return [a & b for a, b in zip(forward, reversed(backward), strict=True)]


def _by_layer(source: Replicas, units: ArrayLike) -> list[Tensor]:
    widths, chosen = source.spec.widths, np.asarray(units)
    if chosen.dtype != bool or chosen.shape != (sum(widths),):
        raise FormatError(
            f"units to carry over are {chosen.dtype} {list(chosen.shape)}: booleans "
            f"[{sum(widths)}] are needed, one for each input, hidden unit and output"
        )
    parts = torch.split(torch.from_numpy(chosen), list(widths))
    if bool(parts[0].any()) or bool(parts[-1].any()):
        raise FormatError("inputs or outputs are among the units to carry over: choose hidden ones")
    return list(parts[1:-1])


def _bias(weight: str) -> str:
    return weight.replace(".weight", ".bias")
