"""The nets of a stack, one by one, as the parts of a sparse training see them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import replace

import torch
from torch import Tensor

from netsculpt.training.dynamic.entries import Entries

__all__ = ["joined", "row_of"]


def row_of(
    layers: Mapping[str, Entries], row: int, generators: Mapping[str, torch.Generator]
) -> dict[str, Entries]:
    """Views of one net of a stack, [out, in, …] of [R, out, in, …].

    >>> layers = {"w": Entries("w", torch.arange(6.0).view(3, 1, 2), torch.ones(3, 1, 2) > 0)}
    >>> row_of(layers, 1, {"w": torch.Generator()})["w"].weight
    tensor([[2., 3.]])
    """
    return {
        name: replace(
            x,
            weight=x.weight[row],
            kept=x.kept[row],
            gradient=None if x.gradient is None else x.gradient[row],
            moments={key: value[row] for key, value in x.moments.items()},
            ever=None if x.ever is None else x.ever[row],
            generator=generators[name],
            memory=_Memory(x.memory, row),
        )
        for name, x in layers.items()
    }


def joined(
    function: Callable[[Entries, Tensor], Tensor], rows: list[Entries], indices: Tensor
) -> Tensor:
    """What a function of entries and flat indices returns for a stack, from its nets.

    >>> rows = [Entries("w", torch.full((2,), x), torch.ones(2) > 0) for x in (1.0, 5.0)]
    >>> joined(lambda x, at: x.weight[at], rows, torch.tensor([1, 2, 3]))
    tensor([1., 5., 5.])
    """
    size = rows[0].weight.numel()
    starts = size * torch.arange(1, len(rows), device=indices.device)
    cuts = torch.searchsorted(indices, starts).tolist()
    parts = torch.tensor_split(indices, cuts)
    return torch.cat(
        [
            function(x, part - size * row)
            for row, (x, part) in enumerate(zip(rows, parts, strict=True))
        ]
    )


class _Memory(MutableMapping[str, Tensor]):
    """The part of a memory that belongs to one net."""

    def __init__(self, whole: MutableMapping[str, Tensor], row: int) -> None:
        self._whole, self._prefix = whole, f"{row}."

    def __getitem__(self, key: str) -> Tensor:
        return self._whole[self._prefix + key]

    def __setitem__(self, key: str, value: Tensor) -> None:
        self._whole[self._prefix + key] = value

    def __delitem__(self, key: str) -> None:
        del self._whole[self._prefix + key]

    def __iter__(self) -> Iterator[str]:
        n = len(self._prefix)
        return (key[n:] for key in self._whole if key.startswith(self._prefix))

    def __len__(self) -> int:
        return sum(1 for _ in self)
