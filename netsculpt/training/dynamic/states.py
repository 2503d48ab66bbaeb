"""What an optimizer remembers of new weights: ``(optimizer, {parameter: indices}) -> None``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor, nn, optim

from netsculpt.training.dynamic.places import put

__all__ = ["NewState", "Scaled", "everything", "fresh", "keep", "zero"]
__dir__ = __all__.copy

NewState = Callable[[optim.Optimizer, Mapping[nn.Parameter, Tensor]], None]


def zero(optimizer: optim.Optimizer, new: Mapping[nn.Parameter, Tensor]) -> None:
    r"""Zero moments, as published.

    With Adam new weights then start too fast: its bias correction counts the steps of the whole
    weight, so k steps after it came a new one moves by
    :math:`(1 - \beta_1^k) / \sqrt{1 - \beta_2^k}` learning rates for a constant gradient: 3.2 in
    the first step, 6.6 in the twelfth. Rprop's step sizes start from its smallest one.
    """
    for parameter, indices in new.items():
        for value in moments(optimizer, parameter).values():
            put(value, indices, 0)


def fresh(optimizer: optim.Optimizer, new: Mapping[nn.Parameter, Tensor]) -> None:
    """Zero moments, and with Adam and AdamW a bias correction by the age of each weight.

    The first step of a new weight is then one learning rate. `Sparsifier` keeps the ages
    (`netsculpt.training.dynamic.ages`). For optimizers without bias correction it is `zero`.
    """
    zero(optimizer, new)


def keep(optimizer: optim.Optimizer, new: Mapping[nn.Parameter, Tensor]) -> None:
    """Whatever the optimizer has there."""


def everything(optimizer: optim.Optimizer, new: Mapping[nn.Parameter, Tensor]) -> None:
    """Zero moments of all parameters if any weight came: AC/DC at the start of a dense phase.

    Steps are counted from 0 again, so that Adam's bias correction fits.
    """
    if not any(len(indices) for indices in new.values()):
        return
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            for value in moments(optimizer, parameter).values():
                value.zero_()
            state = optimizer.state.get(parameter, {})
            if isinstance(state.get("step"), Tensor):
                state["step"].zero_()
            elif "step" in state:
                state["step"] = 0


class Scaled:
    """Momentum of new weights: their gradient, scaled; `initial_acc_scale` of RigL's code."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, optimizer: optim.Optimizer, new: Mapping[nn.Parameter, Tensor]) -> None:
        """Set it."""
        zero(optimizer, new)
        for parameter, indices in new.items():
            value = moments(optimizer, parameter).get("momentum_buffer")
            if value is not None and parameter.grad is not None:
                put(value, indices, self.scale * parameter.grad.take(indices))


def moments(optimizer: optim.Optimizer, parameter: nn.Parameter) -> dict[str, Tensor]:
    """All that an optimizer stores of each entry of a parameter."""
    state = optimizer.state.get(parameter, {})
    return {
        name: value
        for name, value in state.items()
        if isinstance(value, Tensor) and value.shape == parameter.shape and value.ndim
    }
