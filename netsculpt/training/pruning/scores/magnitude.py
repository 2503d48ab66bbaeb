"""How large a weight is."""

from __future__ import annotations

from torch import Tensor, nn

from netsculpt.core.declared import varies_with
from netsculpt.core.random import RNG
from netsculpt.nets.prunable import prunable
from netsculpt.training.fitting.batches import Batches

__all__ = ["magnitude"]


@varies_with("unit scales", "input scales")
def magnitude(
    net: nn.Module,
    batches: Batches | None = None,  # noqa: ARG001 - scores share a signature
    *,
    rng: RNG = None,  # noqa: ARG001
) -> dict[str, Tensor]:
    r"""Score every weight by its magnitude :math:`|w|`, without data.

    Han et al., "Learning both weights and connections", arXiv:1506.02626.
    """
    return {name: weight.detach().abs() for name, weight in prunable(net).items()}
