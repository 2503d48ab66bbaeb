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
        self.born: dict[str, Tensor] = {}  # the optimizer's count of steps when each came; float64

    def replace(self, name: str, gone: Tensor, came: Tensor, count: float) -> None:
        """Forget what went and note what came."""
        places = self.places.get(name, came[:0])
        born = self.born.get(name, torch.zeros(0, dtype=torch.float64, device=came.device))
        stay = ~torch.isin(places, torch.cat([gone, came]))
        places = torch.cat([places[stay], came])
        now = torch.full(came.shape, count, dtype=torch.float64, device=came.device)
        born = torch.cat([born[stay], now])
        order = places.argsort()
        self.places[name], self.born[name] = places[order], born[order]

    def reorder(self, name: str, order: Tensor) -> None:
        """Follow weights to other places: `order[k]` is the old place of the one that is now k."""
        now = torch.empty_like(order)
        now[order] = torch.arange(len(order), device=order.device)
        places = now[self.places[name]]
        ascending = places.argsort()
        self.places[name] = places[ascending]
        self.born[name] = self.born[name][ascending]

    @torch.no_grad()
    def correct(self, name: str, parameter: nn.Parameter, optimizer: optim.Optimizer) -> None:
        """Make the last step of the optimizer that of weights of their age."""
        places = self.places.get(name)
        state, group = optimizer.state.get(parameter, {}), group_of(optimizer, parameter)
        if places is None or group is None or "exp_avg" not in state or parameter.grad is None:
            return
        count = float(state["step"])
        ages = count - self.born[name]
        if bool((ages <= 0).any()):  # the optimizer was begun again, and its weights with it
            self._keep(name, ages > count)
            return
        first, second = (float(x) for x in group["betas"])
        peak = "max_exp_avg_sq" if group.get("amsgrad") else "exp_avg_sq"
        m = state["exp_avg"].reshape(-1)[places].double()
        root = state[peak].reshape(-1)[places].double().sqrt()
        epsilon = float(group["eps"])

        def moved(steps: Tensor | float) -> Tensor:
            steps = torch.as_tensor(steps, dtype=torch.float64, device=m.device)
            step: Tensor = m / (1 - first**steps) / (root / (1 - second**steps).sqrt() + epsilon)
            return step

        change = float(group["lr"]) * (moved(count) - moved(ages))
        put(parameter, places, parameter.reshape(-1)[places] + change.to(parameter.dtype))
        self._keep(name, max(first, second) ** ages >= _NONE_LEFT)

    def state(self) -> dict[str, Any]:
        """All of it, for `restore`."""
        return {"places": dict(self.places), "born": dict(self.born)}

    def restore(self, state: dict[str, Any], devices: Mapping[str, torch.device]) -> None:
        """Take up the result of `state`, for weights on their devices."""
        self.places = {name: x.to(devices[name]) for name, x in state["places"].items()}
        self.born = {name: x.to(devices[name]) for name, x in state["born"].items()}

    def _keep(self, name: str, young: Tensor) -> None:
        if not bool(young.all()):
            self.places[name], self.born[name] = self.places[name][young], self.born[name][young]


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
