"""What a target starts from: the source's module, frozen or free, or a control."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from netsculpt.training.sculpting.replicas import Replicas
from netsculpt.training.transfer.modular.carrying import Carried, shuffled

__all__ = ["CONDITIONS", "Start", "freed", "starts"]

CONDITIONS: Final = ("frozen", "free", "scratch", "unrelated", "shuffled")


@dataclass(frozen=True, eq=False)
class Start:
    """One net before its training, and what of it does not learn."""

    net: Replicas
    frozen: Mapping[str, Tensor]  # bool, like the parameters


def starts(
    initial: Replicas, module: Carried, unrelated: Carried, *, seed: int
) -> dict[str, Start]:
    """A start for each of the conditions: one initial net, with a module put into it.

    Parameters
    ----------
    initial
        One dense net with fresh weights: all that is new, in every condition.
    module, unrelated
        Units of the source, and of a source of another task, in nets of the same widths.
    seed
        Of the order of shuffled weights.
    """
    return {
        "frozen": _frozen(initial, module),
        "free": Start(freed(initial, module), {}),
        "scratch": Start(initial, {}),
        "unrelated": _frozen(initial, unrelated),
        "shuffled": _frozen(initial, shuffled(module, seed)),
    }


def _frozen(initial: Replicas, module: Carried) -> Start:
    """The module does not learn and reads nothing new; new units read it, and so does the head."""
    masks = {name: mask.clone() for name, mask in initial.masks.items()}
    fixed = {name: torch.zeros_like(mask) for name, mask in masks.items()}
    for name, units in _rows(module):
        masks[name][:, units] = module.net.masks[name][:, units]
        fixed[name][:, units] = True
    return Start(freed(initial, module).masked(masks), fixed)


def freed(initial: Replicas, module: Carried) -> Replicas:
    """A net that begins with a module's weights; what it did not read has weight 0 at first."""
    parameters = {name: values.clone() for name, values in initial.parameters.items()}
    for name, units in _rows(module):
        parameters[name][:, units] = module.net.parameters[name][:, units]
    return replace(initial, parameters=parameters)


def _rows(module: Carried) -> list[tuple[str, Tensor]]:
    """Names of hidden layers' weights and biases, and which rows of them are the module's."""
    own = zip(module.net.weights, module.units, strict=False)
    return [
        (entries, units)
        for name, units in own
        for entries in (name, name.replace(".weight", ".bias"))
    ]
