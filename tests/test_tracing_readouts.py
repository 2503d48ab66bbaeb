"""A softmax of the outputs: left out and said, or with norms="dense" what couples them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from netsculpt.tracing import fidelity, trace
from netsculpt.tracing.options import Granularity
from tests.helpers.jacobians import moves, paths_exist

X = torch.zeros(1, 3)


def net(last: nn.Module) -> nn.Module:
    line = nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        line.weight.copy_(torch.eye(3))
    return nn.Sequential(line, last)


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("last", [nn.Softmax(-1), nn.LogSoftmax(1), nn.Softmax(1)])
def test_outputs_are_coupled_where_norms_are_dense(
    last: nn.Module, granularity: Granularity
) -> None:
    dense = trace(net(last), X, norms="dense", granularity=granularity)
    assert np.array_equal(paths_exist(dense), moves(net(last), X))
    assert "left_out" not in dense.provenance[0].parameters
    plain = trace(net(last), X, granularity=granularity)
    assert np.array_equal(paths_exist(plain), np.eye(3) > 0)
    (reason,) = plain.provenance[0].parameters["left_out"].values()
    assert "norms='dense'" in reason
    for graph in (dense, plain):
        assert fidelity(net(last), graph, X, rng=0).max_error < 1e-5


def test_a_softmax_of_one_output_couples_nothing() -> None:
    graph = trace(nn.Sequential(nn.Linear(3, 1), nn.Softmax(-1)), X)
    assert "left_out" not in graph.provenance[0].parameters
