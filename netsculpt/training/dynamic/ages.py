"""Bias correction of Adam by the age of each weight."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim

from netsculpt.training.dynamic.places import put

__all__ = ["Ages", "count_of", "group_of", "has_ages"]

_NONE_LEFT = 2.0**-26  # relative: less than the rounding of single precision


class Ages:
    r"""When weights came, and what that changes in the steps of Adam and AdamW.

    After step t, Adam has moved a weight by :math:`-\eta \hat m / (\sqrt{\hat v} + \epsilon)` with
    :math:`\hat m = m / (1 - \beta_1^t)`. For a weight of age k, `correct` replaces t by k, so that
    the optimizer itself, its weight decay and its moments stay as they are. It costs O(young
    weights) a step; a weight is no longer young when the difference rounds away: with
    :math:`\beta_2 = 0.999` after 18 000 steps.
    """

    def __init__(self) -> None:
        self.places: dict[str, Tensor] = {}  # flat indices of young weights, ascending
        self.cohorts: dict[str, Tensor] = {}  # the update at which each came, as a number …
        self.counts: dict[str, Tensor] = {}  # … whose count of optimizer steps is here; on the CPU

    def replace(self, name: str, gone: Tensor, came: Tensor, count: float) -> None:
        """Forget what went and note what came."""
        places = self.places.get(name, came[:0])
        cohorts = self.cohorts.get(name, came[:0])
        counts = self.counts.get(name, torch.zeros(0, dtype=torch.float64))
        stay = ~torch.isin(places, torch.cat([gone, came]))
        places = torch.cat([places[stay], came])
        cohorts = torch.cat([cohorts[stay], torch.full_like(came, len(counts))])
        order = places.argsort()
        self.places[name], self.cohorts[name] = places[order], cohorts[order]
        self.counts[name] = torch.cat([counts, torch.tensor([count], dtype=torch.float64)])

    @torch.no_grad()
    def correct(self, name: str, parameter: nn.Parameter, optimizer: optim.Optimizer) -> None:
        """Make the last step of the optimizer that of weights of their age."""
        places = self.places.get(name)
        state, group = optimizer.state.get(parameter, {}), group_of(optimizer, parameter)
        if places is None or group is None or "exp_avg" not in state or parameter.grad is None:
            return
        ages = float(state["step"]) - self.counts[name]
        if bool((ages <= 0).any()):  # the optimizer was begun again, and its weights with it
            self._forget(name, torch.ones_like(ages, dtype=torch.bool))
            return
        first, second = (float(x) for x in group["betas"])
        precision = torch.promote_types(parameter.dtype, torch.float32)
        peak = "max_exp_avg_sq" if group.get("amsgrad") else "exp_avg_sq"
        m = state["exp_avg"].take(places).to(precision)
        root = state[peak].take(places).to(precision).sqrt()
        epsilon, cohorts = float(group["eps"]), self.cohorts[name]

        def moved(steps: Tensor, members: Tensor) -> Tensor:
            to = {"dtype": precision, "device": m.device}
            bias = (1 - first**steps).to(**to)[members]
            spread = (1 - second**steps).sqrt().to(**to)[members]
            step: Tensor = m / bias / (root / spread + epsilon)
            return step

        whole = torch.tensor([float(state["step"])], dtype=torch.float64)
        change = moved(whole, torch.zeros_like(cohorts)) - moved(ages, cohorts)
        change = float(group["lr"]) * change
        put(parameter, places, parameter.take(places) + change.to(parameter.dtype))
        self._forget(name, max(first, second) ** ages < _NONE_LEFT)

    def state(self) -> dict[str, Any]:
        """All of it, for `restore`."""
        return {
            "places": dict(self.places),
            "cohorts": dict(self.cohorts),
            "counts": dict(self.counts),
        }

    def restore(self, state: dict[str, Any], devices: Mapping[str, torch.device]) -> None:
        """Take up the result of `state`, for weights on their devices."""
        self.places = {name: x.to(devices[name]) for name, x in state["places"].items()}
        self.cohorts = {name: x.to(devices[name]) for name, x in state["cohorts"].items()}
        self.counts = {name: x.cpu() for name, x in state["counts"].items()}

    def _forget(self, name: str, old: Tensor) -> None:
        """Leave out cohorts, [cohorts]."""
        if not bool(old.any()):
            return
        cohorts = self.cohorts[name]
        number = ((~old).cumsum(0) - 1).to(cohorts.device)
        young = ~old.to(cohorts.device)[cohorts]
        self.places[name] = self.places[name][young]
        self.cohorts[name] = number[cohorts[young]]
        self.counts[name] = self.counts[name][~old]


def group_of(optimizer: optim.Optimizer, parameter: nn.Parameter) -> dict[str, Any] | None:
    """The group of a parameter."""
    for group in optimizer.param_groups:
        if any(x is parameter for x in group["params"]):
            return group
    return None


def count_of(optimizer: optim.Optimizer, parameter: nn.Parameter) -> float:
    """Steps that an optimizer has counted of a parameter."""
    step = optimizer.state.get(parameter, {}).get("step", 0)
    return float(step) if math.isfinite(float(step)) else 0.0


def has_ages(optimizer: optim.Optimizer) -> bool:
    """Whether the steps of an optimizer are those of Adam."""
    return isinstance(optimizer, optim.Adam)
