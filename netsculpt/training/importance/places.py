"""Kept weights of a net in one row, and where each is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.nets.prunable import layer_weights

__all__ = ["Places"]


@dataclass(frozen=True, eq=False)
class Places:
    """Where each of W kept weights is."""

    parameters: tuple[str, ...]
    parameter: NDArray[np.int32]  # [W] index of its parameter
    flat: NDArray[np.int64]  # [W] index in it, flattened
    shapes: tuple[tuple[int, ...], ...]  # of the parameters

    @classmethod
    def of(cls, net: nn.Module) -> Self:
        """The kept weights of a net; without masks, every weight is kept.

        Raises
        ------
        FormatError
            If there is none.
        """
        names, shapes, flat = [], [], []
        for entry in layer_weights(net):
            size = entry.parameter.numel()
            kept = np.arange(size) if entry.mask is None else _indices(entry.mask)
            names.append(entry.name)
            shapes.append(tuple(entry.parameter.shape))
            flat.append(kept)
        if not sum(map(len, flat)):
            total = sum(int(np.prod(shape)) for shape in shapes)
            raise FormatError(
                f"the net keeps none of its {total:,} weights: there is nothing to remove; give a "
                "net with weights, parameters of two or more dimensions, that its masks keep"
            )
        which = np.repeat(np.arange(len(names), dtype=np.int32), [len(x) for x in flat])
        return cls(tuple(names), which, np.concatenate(flat), tuple(shapes))

    def values(self, tensors: Mapping[str, Tensor]) -> NDArray[np.float64]:
        """Those of the kept weights [W]."""
        parts = [
            tensors[name].detach().cpu().double().numpy().ravel()[self.flat[self.parameter == n]]
            for n, name in enumerate(self.parameters)
        ]
        return np.concatenate(parts)

    def masks(self, chosen: NDArray[np.bool_]) -> dict[str, Tensor]:
        """Masks of the net in which only the chosen weights [W] are kept."""
        masks = {}
        for n, (name, shape) in enumerate(zip(self.parameters, self.shapes, strict=True)):
            mask = np.zeros(shape, dtype=bool)
            mask.ravel()[self.flat[(self.parameter == n) & chosen]] = True
            masks[name] = torch.from_numpy(mask)
        return masks

    @property
    def indices(self) -> NDArray[np.int64]:
        """Row, column and position in the kernel of each weight [W, 3]; 0 without a kernel."""
        found = np.empty((len(self.flat), 3), dtype=np.int64)
        for n, shape in enumerate(self.shapes):
            own = self.parameter == n
            n_taps = int(np.prod(shape[2:]))
            pair, found[own, 2] = np.divmod(self.flat[own], n_taps)
            found[own, 0], found[own, 1] = np.divmod(pair, shape[1])
        return found


def _indices(mask: Tensor) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.flatnonzero(mask.cpu().numpy())
    return found
