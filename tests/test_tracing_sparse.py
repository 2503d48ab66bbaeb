"""Live nets with sparse tensors: traced from what they store, or refused; never an abort."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsculpt import from_matrices, trace
from netsculpt.core.errors import GraphError, TopologyError

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")

EXAMPLE = torch.zeros(1, 6)
LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "coo": lambda w: w.to_sparse(),
    "csr": lambda w: w.to_sparse_csr(),
    "csc": lambda w: w.to_sparse_csc(),
    "bsr": lambda w: w.to_sparse_bsr((2, 2)),
    "bsc": lambda w: w.to_sparse_bsc((2, 2)),
}
CALLS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "linear": lambda w, x: functional.linear(x, w),
    "matmul": lambda w, x: (w @ x.T).T,
    "sparse.mm": lambda w, x: torch.sparse.mm(w, x.T).T,
}
_ELSEWHERE: list[Tensor] = []


class Sparse(nn.Module):
    def __init__(self, weight: Tensor, call: str, *, kind: str = "parameter") -> None:
        super().__init__()
        self.head = nn.Linear(4, 2, bias=False)
        self.call = CALLS[call]
        if kind == "parameter":
            self.weight = nn.Parameter(weight)
        elif kind == "buffer":
            self.register_buffer("weight", weight)
        elif kind == "attribute":
            self.weight = weight
        else:
            _ELSEWHERE[:] = [weight]

    def forward(self, x: Tensor) -> Tensor:
        weight = _ELSEWHERE[0] if _ELSEWHERE else self.weight
        return self.head(torch.relu(self.call(weight, x)))


@pytest.fixture(autouse=True)
def _nothing_elsewhere() -> None:
    _ELSEWHERE.clear()


def some_weight(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(4, 6, generator=generator)
    return weight * (torch.rand(4, 6, generator=generator) < 0.5)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_stored_entries_are_the_edges(layout: str) -> None:
    weight = LAYOUTS[layout](some_weight())
    with torch.no_grad():
        weight.values()[0] = 0.0  # stored, and zero: an edge
    net = Sparse(weight, "linear")
    graph = trace(net, EXAMPLE)
    assert net.weight.layout == weight.layout  # the net is left as it was
    if layout != "bsc":  # which from_matrices does not take
        expected = from_matrices([weight, net.head.weight])
        for part in ("data", "indices", "indptr"):
            found = getattr(graph.weights, part)
            np.testing.assert_array_equal(found, getattr(expected.weights, part))
        assert graph.density == graph.n_parameters / 32


@pytest.mark.parametrize("call", ["matmul", "sparse.mm"])
@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_ways_to_multiply(layout: str, call: str) -> None:
    weight = some_weight(1)
    graph = trace(Sparse(LAYOUTS[layout](weight), call), EXAMPLE)
    assert graph.n_edges == int((weight != 0).sum()) + 8


def test_sparse_buffers_connect_units() -> None:
    weight = some_weight(2)
    graph = trace(Sparse(weight.to_sparse_csr(), "linear", kind="buffer"), EXAMPLE)
    assert graph.n_edges == int((weight != 0).sum()) + 8


@pytest.mark.parametrize("kind", ["attribute", "elsewhere"])
@pytest.mark.parametrize("layout", ["coo", "csr"])
def test_sparse_tensors_that_are_not_registered(layout: str, kind: str) -> None:
    net = Sparse(LAYOUTS[layout](some_weight()), "sparse.mm", kind=kind)
    with pytest.raises(TopologyError, match=r"neither a parameter nor a buffer.*register_buffer"):
        trace(net, EXAMPLE)


def test_sparse_tensors_made_on_the_way() -> None:
    class Made(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(some_weight())

        def forward(self, x: Tensor) -> Tensor:
            return torch.sparse.mm((self.weight * 2).to_sparse_csr(), x.T).T

    with pytest.raises(TopologyError):
        trace(Made(), EXAMPLE)


def test_damaged_and_hybrid_tensors() -> None:
    damaged = some_weight().to_sparse_csr()
    damaged.col_indices()[0] = 10**6
    with pytest.raises(GraphError, match=r"sparse tensor 'weight' .* indices fit its shape"):
        trace(Sparse(damaged, "linear"), EXAMPLE)
    hybrid = torch.ones(4, 6).to_sparse(1)
    with pytest.raises(GraphError, match="dense axes"):
        trace(Sparse(hybrid, "linear"), EXAMPLE)


def test_a_sparse_tensor_of_someone_else_is_not_in_the_way() -> None:
    mine = some_weight().to_sparse_csr()
    net = nn.Sequential(nn.Linear(6, 3), nn.ReLU(), nn.Linear(3, 2))
    assert trace(net, EXAMPLE).n_edges == 24
    assert mine.values().numel()
