"""Whether the weights whose connections move are those that an optimizer trains."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, optim

from netsculpt.core.errors import FormatError

__all__ = ["check_held", "check_not_frozen"]


def check_held(optimizer: optim.Optimizer, weights: Mapping[str, Tensor]) -> None:
    """Raise unless this optimizer has all of the weights that learn, with dense gradients."""
    held = {id(x) for group in optimizer.param_groups for x in group["params"]}
    learning = {name: x for name, x in weights.items() if x.requires_grad}
    missing = [name for name, x in learning.items() if id(x) not in held]
    if missing:
        raise FormatError(
            f"the optimizer does not have {', '.join(map(repr, missing))}: make it from the "
            "parameters of the net that the sparsifier was made for; with several optimizers, "
            "make a sparsifier for each, with the weights of the others in dense="
        )
    for name, x in learning.items():
        if x.grad is not None and x.grad.layout != torch.strided:
            raise FormatError(
                f"the gradient of {name!r} is a sparse tensor, and a mask needs a dense one: "
                "make the embedding with sparse=False, or name the weight in dense="
            )


def check_not_frozen(weights: Mapping[str, Tensor]) -> None:
    """Raise if some of the weights that an update would change do not learn."""
    frozen = [name for name, x in weights.items() if not x.requires_grad]
    if frozen:
        raise FormatError(
            f"{', '.join(map(repr, frozen))} no longer learn, so an update would replace their "
            "weights by new ones that stay as they are: freeze after the last update, or make "
            "another sparsifier of the net as it is (density=None), which leaves them alone"
        )
