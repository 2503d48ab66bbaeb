"""Sparse parameters and buffers of a live net: dense in their place while the net is exported.

`torch.export` does not know sparse tensors: with a compressed one it ends the whole process. So the
net is followed with dense tensors of the same values, whose masks are the stored entries. Sparse
tensors that the net takes from elsewhere are refused before torch meets them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from netsculpt.core.errors import GraphError, TopologyError, first_line
from netsculpt.core.layouts import COMPRESSED, layout_of, parts
from netsculpt.tracing.program import leaves

__all__ = ["DenseOnly", "dense_stand_ins"]


@dataclass(frozen=True, eq=False)
class _Place:
    """A sparse tensor of a net, and where it is registered."""

    name: str
    leaf: str
    owner: dict[str, Any]  # the layer's parameters or buffers
    tensor: Tensor


@contextmanager
def dense_stand_ins(net: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Put dense tensors in the place of a net's sparse ones, for the length of a block.

    The result has the pattern of stored entries of each, by name. Cost O(size of the dense ones).

    Raises
    ------
    GraphError
        If the indices of a sparse tensor do not fit its shape, or it has dense axes.
    """
    places = list(_places(net))
    made = {id(x.tensor): _dense(x.tensor, x.name) for x in places}
    for place in places:
        place.owner[place.leaf] = made[id(place.tensor)][0]
    multiplied = patch.object(torch.sparse, "mm", torch.mm)
    try:
        if places:
            multiplied.start()
        yield {place.name: made[id(place.tensor)][1] for place in places}
    finally:
        if places:
            multiplied.stop()
        for place in places:
            place.owner[place.leaf] = place.tensor


def _places(net: nn.Module) -> Iterator[_Place]:
    for path, layer in net.named_modules():
        prefix = f"{path}." if path else ""
        for owner in (layer._parameters, layer._buffers):
            for leaf, tensor in owner.items():
                if tensor is not None and layout_of(tensor) != "strided":
                    yield _Place(f"{prefix}{leaf}", leaf, owner, tensor)


def _dense(tensor: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """The dense form of a sparse tensor, and which of its entries are stored."""
    layout, values = layout_of(tensor), tensor.detach()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that compressed tensors are in beta
            if layout == "sparse_coo":
                flat = values.coalesce() if not values.is_coalesced() else values
                pair = flat.indices(), flat.values()
                if pair[1].ndim != 1:
                    raise ValueError("it has dense axes")
                checked = torch.sparse_coo_tensor(*pair, tensor.shape, check_invariants=True)
                ones = torch.ones_like(pair[1], dtype=torch.float32)
                stored = torch.sparse_coo_tensor(pair[0], ones, tensor.shape)
            elif layout in (*COMPRESSED, "sparse_bsc"):
                pointer, index, entries = parts(values, layout)
                checked, stored = (
                    torch.sparse_compressed_tensor(
                        pointer, index, x, tensor.shape, layout=tensor.layout, check_invariants=True
                    )
                    for x in (entries, torch.ones_like(entries, dtype=torch.float32))
                )
            else:
                raise ValueError(f"its layout is {layout}")
            dense, keep = checked.to_dense(), stored.to_dense() != 0
    except (RuntimeError, ValueError) as error:
        raise GraphError(
            f"the sparse tensor {name!r} of the net cannot be read ({first_line(error)}): a COO, "
            "CSR, CSC or BSR matrix whose indices fit its shape is needed"
        ) from error
    if isinstance(tensor, nn.Parameter):
        dense = nn.Parameter(dense, requires_grad=tensor.requires_grad)
    return dense, keep


class DenseOnly(TorchFunctionMode):
    """Raises a `TopologyError` as soon as a function of torch takes a sparse tensor.

    A net may hold them in attributes, closures or global names, where nobody finds them all. It is
    asked while a net runs, not of the program that comes of it: torch asks hundreds of times.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.name = type(net).__name__

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        for value in leaves((args, kwargs) if kwargs else args):
            if isinstance(value, Tensor) and value.layout != torch.strided:
                raise TopologyError(
                    f"{self.name} computes with a {layout_of(value)} tensor "
                    f"({resolve_name(function) or function}) that is neither a parameter nor a "
                    "buffer: torch.export cannot follow it. Register it with register_buffer, or "
                    "keep it dense with a mask"
                )
        return function(*args, **kwargs)
