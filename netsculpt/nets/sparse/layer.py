"""A linear layer of kept weights only."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError
from netsculpt.core.random import RNG
from netsculpt.nets.sparse.product import product

__all__ = ["SparseLinear"]

_MOST_IN_32_BITS = 2**31 - 1


class SparseLinear(nn.Module):
    r"""Linear layer that stores its kept weights row by row: 8 bytes each, 4 of them the value.

    The parameter `values` [edges] holds the weights of the rows one after the other; `columns`
    [edges] says which input each belongs to, and `starts` [out + 1] where a row begins. Inputs
    [n, in], outputs [n, out]; O(edges × n) each way.

    Parameters
    ----------
    in_features, out_features
        Widths.
    n_weights
        How many to keep, at random places.
    bias
        Whether there is one.
    rng
        Seed or generator of places and of weights, which are
        :math:`\mathcal N(0, 2 / \text{fan-in})` with the number of inputs that a unit keeps.

    Examples
    --------
    >>> layer = SparseLinear(100, 50, n_weights=500, rng=0)
    >>> layer.n_weights, layer.density, list(layer(torch.zeros(3, 100)).shape)
    (500, 0.1, [3, 50])
    """

    starts: Tensor
    columns: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        n_weights: int,
        bias: bool = True,
        rng: RNG = None,
    ) -> None:
        super().__init__()
        size = in_features * out_features
        if not 0 <= n_weights <= size:
            raise FormatError(f"{n_weights} weights are to be kept of {size}: 0 … {size} can be")
        self.in_features, self.out_features = in_features, out_features
        generator = np.random.default_rng(rng)
        flat = np.sort(generator.choice(size, n_weights, replace=False, shuffle=False))
        rows, columns = np.divmod(flat, in_features)
        fan_in = np.bincount(rows, minlength=out_features)
        normal = generator.standard_normal(n_weights, dtype=np.float32)
        scale = np.sqrt(2 / np.maximum(fan_in, 1), dtype=np.float32)
        self.values = nn.Parameter(torch.from_numpy(normal * scale[rows]))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        self.register_buffer("starts", torch.zeros(out_features + 1, dtype=torch.int64))
        kind = torch.int32 if in_features <= _MOST_IN_32_BITS else torch.int64
        self.register_buffer("columns", torch.from_numpy(columns).to(kind))
        torch.cumsum(torch.from_numpy(fan_in), 0, out=self.starts[1:])

    @property
    def n_weights(self) -> int:
        """Kept weights."""
        return len(self.values)

    @property
    def density(self) -> float:
        """Kept fraction of in × out weights."""
        return self.n_weights / max(self.in_features * self.out_features, 1)

    @property
    def flat(self) -> Tensor:
        """Flat indices of the kept weights in [out, in], ascending; int64 [edges]."""
        rows = torch.repeat_interleave(torch.arange(self.out_features), self.starts.diff())
        return rows * self.in_features + self.columns

    @torch.no_grad()
    def replace(self, flat: Tensor, values: Tensor) -> Tensor:
        """Set places and values, as many as before, in any order; return the order they are in.

        Places are flat indices in [out, in]. What else is stored of each weight, such as moments of
        an optimizer, goes into the same order.
        """
        if len(flat) != self.n_weights or len(flat.unique()) != len(flat):  # type: ignore[no-untyped-call]
            raise FormatError(
                f"{len(flat)} places for {self.n_weights} weights, or some of them twice: as many "
                "different ones are needed"
            )
        order = flat.argsort()
        rows = torch.div(flat[order], self.in_features, rounding_mode="floor")
        self.columns.copy_(flat[order] - rows * self.in_features)
        torch.cumsum(torch.bincount(rows, minlength=self.out_features), 0, out=self.starts[1:])
        self.values.copy_(values[order])
        return order

    def dense_weight(self) -> Tensor:
        """The weight [out, in] with zeros; only for layers that have room for them."""
        weight = self.values.new_zeros(self.out_features * self.in_features)
        return weight.index_put((self.flat,), self.values).view(self.out_features, self.in_features)

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, out] of inputs [n, in]; further dimensions come first."""
        flat = inputs.reshape(-1, self.in_features)
        outputs = product(flat, self.starts, self.columns, self.values)
        if self.bias is not None:
            outputs = outputs + self.bias
        return outputs if inputs.ndim == 2 else outputs.reshape(*inputs.shape[:-1], -1)

    def extra_repr(self) -> str:
        """Widths and kept weights."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"n_weights={self.n_weights}, bias={self.bias is not None}"
        )
