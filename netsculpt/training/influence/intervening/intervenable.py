"""What every net offers whose units can be given other values."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from netsculpt.core.errors import FormatError, GraphError
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.unit_sets import chosen_units

__all__ = ["Intervenable"]


class Intervenable(ABC):
    """A net that runs with the activations of any units of its graph replaced.

    A unit's activation is what flows along the edges that leave it: after the nonlinearity, norm
    and pooling that follow. It is one number per sample in a multi-layer perceptron, and as many
    as there are positions where a unit is a channel; `unit_of` says which columns of an array of
    activations [n, K] belong to which unit.
    """

    graph: NetGraph  # its units are the ones that are named, U of them
    unit_of: NDArray[np.int64]  # [K] unit of each column of activations; −1: none

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """Number of outputs of the net, O."""

    @abstractmethod
    def activations(self, inputs: Tensor) -> Tensor:
        """Activations [n, K] of all units, on inputs [n, …]."""

    @abstractmethod
    def replaced(self, inputs: Tensor, units: NDArray[np.bool_], values: Tensor) -> Tensor:
        """Outputs [B, n, O] of B runs, each with the activations of some units replaced.

        Parameters
        ----------
        inputs
            Samples, batch first.
        units
            Which units are replaced in each run [B, U].
        values
            What they are replaced by, in the form of `activations`: [n, K], one row per sample;
            [1, K], the same for all samples; or [B, n, K] and [B, 1, K], others in each run.
            Columns of other units are not read.

        Raises
        ------
        GraphError
            If a unit cannot be replaced.
        """

    def outputs(self, inputs: Tensor) -> Tensor:
        """Outputs [n, O] of the net as it is."""
        nothing = np.zeros((1, self.graph.n_units), dtype=bool)
        return self.replaced(inputs, nothing, torch.zeros(1, self.unit_of.size))[0]

    @property
    @abstractmethod
    def replaceable(self) -> NDArray[np.bool_]:
        """Which units can be replaced [U]: those with edges that leave them, inputs included."""

    @property
    def hidden(self) -> NDArray[np.bool_]:
        """Which units can be replaced and are no inputs [U]."""
        is_input = np.zeros(self.graph.n_units, dtype=bool)
        for layer in self.graph.layers:
            is_input[layer.units] = layer.role == "input"
        return self.replaceable & ~is_input

    def columns(self, units: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which columns of the activations belong to some units: [U] → [K], or [B, U] → [B, K]."""
        padded = np.concatenate([units, np.zeros((*units.shape[:-1], 1), dtype=bool)], axis=-1)
        columns: NDArray[np.bool_] = padded[..., self.unit_of]
        return columns

    def units(self, units: ArrayLike) -> NDArray[np.bool_]:
        """Booleans [U] of units, given so or by their indices, all of which can be replaced.

        Raises
        ------
        GraphError
            If they are not units of the graph, or one of them cannot be replaced.
        """
        chosen = chosen_units(self.graph, units)
        self.require_replaceable(chosen)
        return chosen

    def require_replaceable(self, units: NDArray[np.bool_]) -> None:
        """Raise an error unless all of these units [U] or [B, U] can be replaced."""
        wrong = np.flatnonzero(
            units.reshape(-1, self.graph.n_units).any(axis=0) & ~self.replaceable
        )
        if wrong.size:
            layer = self.graph.layers[self.graph.layer_of[wrong[0]]]
            raise GraphError(
                f"unit {wrong[0]} of layer {layer.name!r} ({layer.role}) cannot be replaced: no "
                "operation of the net takes its activation from another one. Leave out outputs, "
                "words of an embedding and units inside recurrent layers (see `replaceable`)"
            )

    def require_values(self, values: Tensor, n_runs: int, n_samples: int) -> None:
        """Raise an error unless values have one of the shapes that `replaced` takes."""
        *runs, n_rows, n_columns = (1, 0, *values.shape)[-3:] if values.ndim < 3 else values.shape
        fits = n_columns == self.unit_of.size and n_rows in (1, n_samples)
        if not fits or values.ndim not in (2, 3) or (values.ndim == 3 and runs != [n_runs]):
            raise FormatError(
                f"values are {list(values.shape)}: [{n_samples} or 1, {self.unit_of.size}] is "
                f"needed, as `activations` returns them, or one such array for each of {n_runs} "
                "runs"
            )
