"""What a training needs of a method that makes the net sparse while it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from torch import Tensor, nn, optim

__all__ = ["SparseSteps", "Sparsify"]


class SparseSteps(Protocol):
    """Steps of an optimizer on a net whose masks change; see `netsculpt.training.dynamic`."""

    @property
    def masks(self) -> dict[str, Tensor]:
        """The masks that change, by the names of the weights."""

    @property
    def final_density(self) -> float | None:
        """Fraction of these weights that is kept at the end; None if it does not change."""

    @property
    def density(self) -> float:
        """Fraction of these weights that is kept now."""

    @property
    def steps_to_final_density(self) -> int:
        """Steps of the optimizer after which as much is kept as at the end."""

    @property
    def n_updates(self) -> int:
        """How often masks have changed."""

    @property
    def phases(self) -> tuple[int, ...]:
        """Steps of the optimizer that end a dense or a sparse phase; () without phases."""

    @property
    def phase(self) -> str:
        """The number and the kind of the present phase, such as phase2-sparse."""

    @property
    def update_is_due(self) -> bool:
        """Whether `update` will change masks."""

    def advance(self, optimizer: optim.Optimizer) -> bool:
        """Step, in place of the optimizer; whether it stepped."""

    def update(self, optimizer: optim.Optimizer) -> None:
        """Change masks if that is due after the last step."""

    def about(self) -> dict[str, Any]:
        """The method and its settings, as JSON."""

    def state_dict(self) -> dict[str, Any]:
        """All that later steps depend on, besides the net and the optimizer."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Resume from the result of `state_dict`."""


Sparsify = Callable[[nn.Module], SparseSteps]
