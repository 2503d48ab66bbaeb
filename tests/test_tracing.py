"""Units, edges and multiplicities of traced nets, compared with counts by hand."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from traced_nets import Function, same, widths

import netsculpt
from netsculpt.core.catalog import modules
from netsculpt.core.errors import GraphError, TopologyError
from netsculpt.nets.families import MLP, initial_net
from netsculpt.nets.masks import mask_net
from netsculpt.tracing import trace
from netsculpt.tracing.rules import rules


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "sigmoid", "silu", "gelu"])
def test_a_masked_mlp_is_what_load_makes_of_its_state(tmp_path: Path, activation: str) -> None:
    net = initial_net(MLP((5, 8, 6, 3), activation), rng=1)
    generator = torch.Generator().manual_seed(2)
    masks = {
        name: torch.rand(x.shape, generator=generator) < 0.5
        for name, x in net.named_parameters()
        if x.ndim == 2
    }
    mask_net(net, masks)
    with torch.no_grad():
        net.fc2.weight[masks["fc2.weight"]] = torch.where(
            torch.arange(int(masks["fc2.weight"].sum())) % 3 == 0, 0.0, 1.5
        )
    torch.save(net.state_dict(), tmp_path / "net.pt")
    graph = trace(net, torch.zeros(2, 5))
    same(graph, netsculpt.load(tmp_path / "net.pt"))
    assert graph.n_edges == sum(int(mask.sum()) for mask in masks.values())
    assert (graph.weights.data == 0).any()


def test_pruned_weights_that_an_optimizer_moved_are_not_edges() -> None:
    net = MLP((2, 2)).build()
    mask_net(net, {"fc1.weight": torch.eye(2) > 0})
    with torch.no_grad():
        net.fc1.weight.fill_(3.0)
    assert trace(net, torch.zeros(1, 2)).block("input", "fc1").toarray().tolist() == [
        [3, 0],
        [0, 3],
    ]


def test_unmasked_zeros_are_not_edges_and_weights_keep_signs() -> None:
    net = nn.Sequential(nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, 0.0, -2.0], [0.0, 0.0, 4.0]]))
    graph = trace(net, torch.zeros(1, 3))
    assert graph.weights.nnz == 3
    assert graph.block("input", "0").toarray().tolist() == [[1, 0], [0, 0], [-2, 4]]
    assert graph.layers[-1].role == "output"
    assert graph.blocks[0].size == 6
    assert graph.multiplicity is None


def test_double_and_half_weights() -> None:
    for dtype, expected in ((torch.float64, np.float64), (torch.bfloat16, np.float32)):
        net = nn.Sequential(nn.Linear(3, 2)).to(dtype)
        graph = trace(net, torch.zeros(1, 3, dtype=dtype))
        assert graph.weights.dtype == expected
        assert np.array_equal(
            graph.block("input", "0").toarray().T, net[0].weight.detach().double().numpy()
        )


def test_identity_dropout_and_shapes_add_nothing() -> None:
    plain = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))
    dressed = nn.Sequential(
        plain[0], nn.Identity(), nn.Dropout(), nn.Unflatten(1, (2, 2)), nn.Flatten(), plain[1]
    )
    one, two = trace(plain, torch.zeros(1, 6)), trace(dressed.train(), torch.zeros(3, 6))
    assert np.array_equal(one.weights.toarray(), two.weights.toarray())
    assert dressed.training
    assert dressed[2].training


def test_permuted_units_keep_their_edges() -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        x = net.a(x).view(-1, 2, 3).permute(0, 2, 1).reshape(-1, 6)
        return net.b(x)

    net = Function(forward, a=nn.Linear(1, 6), b=nn.Linear(6, 1))
    graph = trace(net, torch.zeros(2, 1))
    order = [0, 3, 1, 4, 2, 5]  # column of b → unit of a
    weights = graph.block("a", "b").toarray()[order, 0]
    assert np.array_equal(weights, net.b.weight[0].detach().numpy())


def test_a_linear_layer_on_positions_shares_its_units() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    graph = trace(net, torch.zeros(2, 7, 3))
    assert widths(graph) == {"input": 3, "0": 4, "2": 2}
    assert graph.n_edges == 3 * 4 + 4 * 2
    assert graph.layers[1].shape == (7, 4)


def test_flattened_positions_are_summed_into_one_edge() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.Flatten(), nn.Linear(20, 2))
    graph = trace(net, torch.zeros(1, 5, 3))
    expected = net[2].weight.detach().double().view(2, 5, 4).abs().sum(1).T
    assert np.allclose(graph.block("0", "2").toarray(), expected, rtol=1e-6)
    assert graph.multiplicity is not None
    assert graph.multiplicity[graph.block_edges("0", "2")].tolist() == [5] * 8
    assert graph.n_parameters == 12 + 40


def test_unknown_operations_are_named() -> None:
    net = nn.Sequential(nn.Linear(3, 4), Function(lambda _, x: x.renorm(2, 1, 1.0)))
    with pytest.raises(TopologyError, match=r"'renorm' in layer '1'.*no rule.*tracing/rules"):
        trace(net, torch.zeros(1, 3))


branches = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 11),
    reason="torch 2.10 cannot export nets that branch on values",
)


@branches
def test_of_branches_the_one_that_the_example_takes_is_followed() -> None:
    net = Function(
        lambda net, x: net.b(net.a(x) if x.sum() > 0 else net.c(x)),
        **{name: nn.Linear(2, 2) for name in "abc"},
    )
    for sign, taken in ((1.0, "a"), (-1.0, "c")):
        graph = trace(net, sign * torch.ones(1, 2))
        assert [layer.name for layer in graph.layers] == ["input", taken, "b"]
        assert graph.provenance[-1].parameters["branches"] == "one path observed"
    assert "branches" not in trace(net.a, torch.ones(1, 2)).provenance[-1].parameters


@branches
def test_a_net_with_branches_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    net = Function(lambda net, x: net.a(x) if x.sum() > 0 else x, a=nn.Linear(2, 2))
    trace(net, torch.ones(1, 2))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("net", "example", "words"),
    [
        (nn.Linear(4, 3), torch.zeros(1, 5), r"Linear itself fails .* needs: input"),
        (nn.Conv2d(3, 4, 3), torch.zeros(1, 1, 5, 5), "Conv2d itself fails .*3 channels"),
        (Function(lambda net, x: net.none(x)), torch.zeros(1, 2), "no attribute 'none'"),
    ],
)
def test_nets_that_fail_by_themselves_are_not_blamed_on_export(
    net: nn.Module, example: torch.Tensor, words: str
) -> None:
    with pytest.raises(TopologyError, match=words) as raised:
        trace(net, example)
    assert "values of its inputs" not in str(raised.value)


def test_wrong_names_of_inputs_are_answered_with_the_right_ones() -> None:
    with pytest.raises(TopologyError, match=r"use the names that forward has, input$"):
        trace(nn.Embedding(5, 2), {"ids": torch.zeros(1, 3, dtype=torch.int64)})


def test_nets_that_cannot_be_exported_are_refused() -> None:
    net = Function(lambda net, x: torch.from_numpy(net.a(x).detach().numpy()), a=nn.Linear(2, 2))
    with pytest.raises(TopologyError, match=r"torch\.export cannot follow Function"):
        trace(net, torch.zeros(1, 2))


def test_outputs_that_ignore_inputs_are_refused() -> None:
    net = Function(lambda net, x: net.w * 2, w=nn.Parameter(torch.ones(1, 2)))
    with pytest.raises(TopologyError, match="does not depend on its inputs"):
        trace(net, torch.zeros(1, 2))


def test_arguments_are_checked() -> None:
    net = nn.Linear(2, 2)
    with pytest.raises(GraphError, match="edge_norm is 'l3'"):
        trace(net, torch.zeros(1, 2), edge_norm="l3")
    with pytest.raises(GraphError, match=r"unsqueeze\(0\)"):
        trace(net, torch.zeros(2))


def test_no_operation_has_two_rules() -> None:

    known = [op for module in modules("rules").values() for op in module.OPS]
    assert len(known) == len(set(known)) == len(rules())


def test_one_tensor_given_for_two_inputs_is_two_inputs():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 1)

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return self.fc(torch.cat([a, b], 1))

    same = torch.ones(1, 3)
    graph = trace(Two(), (same, same))
    assert [(layer.role, layer.n_units) for layer in graph.layers] == [
        ("input", 3),
        ("input", 3),
        ("output", 1),
    ]
