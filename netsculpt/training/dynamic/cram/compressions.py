"""What a net is compressed to while it trains: ``(weights, generator) -> {name: mask}``.

Counts are exact: where weights are equal in magnitude, `generator` decides which of them stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netsculpt.core.errors import LimitError
from netsculpt.core.numbers import checked_fraction, checked_whole
from netsculpt.training.dynamic.selection import drawn

__all__ = ["Compression", "Largest", "LargestOfEach", "NOfM"]

_SINGLE = 4  # bytes of float32

Compression = Callable[[Mapping[str, Tensor], torch.Generator], dict[str, Tensor]]


@dataclass(frozen=True)
class Largest:
    """Keep the largest weights of all layers together: exactly round(density × weights).

    The published code keeps those strictly above the k-th largest magnitude, one fewer than k, and
    nothing among equal ones.

    >>> weights = {"a": torch.tensor([[0.5, -3.0]]), "b": torch.tensor([[1.0], [2.0]])}
    >>> Largest(0.5)(weights, torch.Generator())
    {'a': tensor([[False,  True]]), 'b': tensor([[False],
            [ True]])}
    """

    density: float

    def __post_init__(self) -> None:
        checked_fraction(self.density, "density")

    def __call__(
        self, weights: Mapping[str, Tensor], generator: torch.Generator
    ) -> dict[str, Tensor]:
        """The masks, True = kept."""
        magnitudes = torch.cat([_magnitudes(name, x).flatten() for name, x in weights.items()])
        kept = _largest(magnitudes, round(self.density * magnitudes.numel()), generator)
        parts = torch.split(kept, [x.numel() for x in weights.values()])
        return {x: part.view(weights[x].shape) for x, part in zip(weights, parts, strict=True)}


@dataclass(frozen=True)
class LargestOfEach:
    """Keep the largest weights of each layer: exactly round(density × its weights).

    >>> weights = {"a": torch.tensor([[0.5, -3.0]]), "b": torch.tensor([[1.0], [2.0]])}
    >>> LargestOfEach(0.5)(weights, torch.Generator())["a"]
    tensor([[False,  True]])
    """

    density: float

    def __post_init__(self) -> None:
        checked_fraction(self.density, "density")

    def __call__(
        self, weights: Mapping[str, Tensor], generator: torch.Generator
    ) -> dict[str, Tensor]:
        """The masks, True = kept."""
        each = Largest(self.density)
        return {name: each({name: x}, generator)[name] for name, x in weights.items()}


@dataclass(frozen=True)
class NOfM:
    """Keep the n largest of every m consecutive inputs of a unit, at each tap of a kernel.

    Groups run along the input channels, as sparse tensor cores need them. A layer whose inputs are
    not a multiple of m cannot be grouped, and stays dense.

    >>> weights = {"a": torch.tensor([[1.0, 4.0, -3.0, 2.0]]), "b": torch.ones(1, 3)}
    >>> masks = NOfM(2, 4)(weights, torch.Generator())
    >>> masks["a"].tolist(), masks["b"].tolist()
    ([[False, True, True, False]], [[True, True, True]])
    """

    n: int
    m: int

    def __post_init__(self) -> None:
        checked_whole(self.m, "m", least=1)
        checked_whole(self.n, "n", least=0, most=self.m)

    def __call__(
        self, weights: Mapping[str, Tensor], generator: torch.Generator
    ) -> dict[str, Tensor]:
        """The masks, True = kept."""
        order = torch.randperm(self.m, generator=generator)  # among equals, an earlier one stays
        return {name: self._mask(_magnitudes(name, x), order) for name, x in weights.items()}

    def _mask(self, magnitudes: Tensor, order: Tensor) -> Tensor:
        if magnitudes.shape[1] % self.m:
            return torch.ones_like(magnitudes, dtype=torch.bool)
        last = magnitudes.movedim(1, -1)  # [out, …, in]
        groups = last.reshape(-1, self.m)[:, order.to(last.device)]
        ranked = groups.argsort(dim=1, descending=True, stable=True)[:, : self.n]
        kept = torch.zeros_like(groups, dtype=torch.bool).scatter_(
            1, order.to(last.device)[ranked], True
        )
        return kept.view(last.shape).movedim(-1, 1).contiguous()


def _magnitudes(name: str, weight: Tensor) -> Tensor:
    magnitudes = weight.detach().abs()
    if magnitudes.element_size() < _SINGLE:  # NumPy has no bfloat16
        magnitudes = magnitudes.float()
    if not magnitudes.isfinite().all():
        raise LimitError(
            f"weights of {name!r} are NaN or infinite, numbers are needed to compare: lower the "
            "learning rate or rho, or look for infinite losses"
        )
    return magnitudes


def _largest(values: Tensor, n_kept: int, generator: torch.Generator) -> Tensor:
    """Mask of exactly `n_kept` of the values [n]; among equals, random ones.

    A mask costs less than the positions of what is kept: many are, in training for compression.
    """
    if n_kept == 0:
        return torch.zeros_like(values, dtype=torch.bool)
    least = _least_kept(values, values.numel() - n_kept)
    kept = values > least
    equal = (values == least).nonzero()[:, 0]
    lot = drawn(equal.numel(), n_kept - int(kept.sum()), generator=generator)
    kept[equal[lot.to(equal.device)]] = True
    return kept


def _least_kept(values: Tensor, n_pruned: int) -> float:
    """The value at a place of the sorted ones; NumPy finds it twenty times as fast on a CPU."""
    if values.device.type == "cpu":
        return float(np.partition(values.numpy(), n_pruned)[n_pruned])
    return float(values.kthvalue(n_pruned + 1).values)
