"""All parameters of a net as one vector."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netsculpt.core.errors import FormatError

__all__ = ["NO_ENTRY", "Layout"]

NO_ENTRY = -1  # what is not an entry of a parameter

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where each parameter begins in the vector of all P entries; a shared one is there once.

    >>> net = nn.Linear(2, 3)
    >>> layout = Layout.of(net)
    >>> layout.n_entries, layout.flat({x: y[None] for x, y in net.named_parameters()}).shape
    (9, torch.Size([1, 9]))
    """

    shapes: Mapping[str, tuple[int, ...]]  # by name, in the net's order
    addresses: Ints  # of the first entry of each, in memory
    entry_size: Ints  # bytes of an entry of each

    @classmethod
    def of(cls, net: nn.Module) -> Layout:
        """The layout of a net whose parameters are each in one piece."""
        parameters = dict(net.named_parameters())
        for name, parameter in parameters.items():
            if not parameter.is_contiguous():
                raise FormatError(
                    f"{name!r} is not in one piece of memory: replace it by a copy that is "
                    "contiguous()"
                )
        addresses = np.array([x.data_ptr() for x in parameters.values()], np.int64)
        sizes = np.array([x.element_size() for x in parameters.values()], np.int64)
        return cls({name: tuple(x.shape) for name, x in parameters.items()}, addresses, sizes)

    @property
    def starts(self) -> Ints:
        """The first entry of each parameter, and the number of all."""
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

    @property
    def n_entries(self) -> int:
        """P."""
        return int(self.starts[-1])

    def entries(self, addresses: Tensor) -> Ints:
        """The entry at each address in memory; `NO_ENTRY` where none is."""
        flat = addresses.reshape(-1).numpy()
        order = np.argsort(self.addresses)
        nearest = order[np.searchsorted(self.addresses[order], flat, side="right") - 1]
        offset = (flat - self.addresses[nearest]) // self.entry_size[nearest]
        here = (offset >= 0) & (offset < np.diff(self.starts)[nearest])
        found = np.where(here, self.starts[nearest] + offset, NO_ENTRY)
        return cast(Ints, found.reshape(tuple(addresses.shape)))

    def flat(self, tensors: Mapping[str, Tensor]) -> Tensor:
        """Tensors [R, …] by the names of the parameters as one [R, P]."""
        return torch.cat([tensors[name].flatten(1) for name in self.shapes], dim=1)

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        """The tensors [R, …] of a vector [R, P]."""
        sizes = np.diff(self.starts).tolist()
        pieces = zip(self.shapes.items(), torch.split(flat, sizes, dim=1), strict=True)
        return {name: piece.reshape(len(flat), *shape) for (name, shape), piece in pieces}
