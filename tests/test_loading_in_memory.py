"""Nets, state dicts and matrices in memory: the same graph as by the ways that need more words."""

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import nn
from torch.nn.utils import parametrizations, prune

import netsculpt
from netsculpt import FormatError, GraphError, NetGraph, TopologyError, load, trace


def mlp() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


def pruned() -> nn.Sequential:
    net = mlp()
    for layer in (net[0], net[2]):
        prune.random_unstructured(layer, "weight", amount=7)  # type: ignore[no-untyped-call]
    return net


def same(one: NetGraph, other: NetGraph) -> bool:
    return (
        [layer.n_units for layer in one.layers] == [layer.n_units for layer in other.layers]
        and one.n_edges == other.n_edges
        and np.array_equal(one.weights.toarray(), other.weights.toarray())
    )


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_state_dict_is_read_as_its_file(tmp_path: Path, wrapped: bool) -> None:
    state: Any = pruned().state_dict()
    if wrapped:
        state = {"epoch": 3, "state_dict": state}
    torch.save(state, tmp_path / "state_dict")
    graph, stored = load(state), load(tmp_path / "state_dict")
    assert same(graph, stored)
    assert [layer.name for layer in graph.layers] == [layer.name for layer in stored.layers]
    step = graph.provenance[0]
    assert (step.function, step.input_hash, step.parameters["edges"]) == ("load", None, "mask")


def test_masks_in_memory_and_in_a_file_are_the_same(tmp_path: Path) -> None:
    state = mlp().state_dict()
    masks = {name: (x > 0).float() for name, x in state.items() if x.ndim == 2}
    torch.save(masks, tmp_path / "masks.pt")
    torch.save(state, tmp_path / "net.pt")
    graph = load(state, mask=masks)
    assert graph.n_edges == sum(int(mask.sum()) for mask in masks.values())
    assert same(graph, load(state, mask=tmp_path / "masks.pt"))
    assert same(graph, load(tmp_path / "net.pt", mask=list(masks.values())))


def test_state_dicts_of_numpy_and_on_other_layouts() -> None:
    state = mlp().state_dict()
    arrays = {name: x.numpy() for name, x in state.items()}
    assert same(load(state), load(arrays))
    sparse = {name: x.to_sparse() if x.ndim == 2 else x for name, x in state.items()}
    assert same(load(state), load(sparse))


def test_alphabetical_names_do_not_give_the_order() -> None:
    first, last = torch.ones(4, 4), torch.ones(4, 4)
    with pytest.raises(TopologyError, match=r"net.load_state_dict\(state\), then netsculpt.trace"):
        load(OrderedDict({"decoder.weight": last, "encoder.weight": first}))


def test_matrices_are_those_of_from_matrices() -> None:
    rng = np.random.default_rng(0)
    matrices = [rng.normal(size=(5, 6)), rng.normal(size=(3, 5))]
    masks = [rng.random(x.shape) < 0.5 for x in matrices]
    expected = netsculpt.from_matrices(matrices, masks)
    assert same(load(matrices, mask=masks), expected)
    assert load(matrices, mask=masks).weights.dtype == np.float64
    tensors = [torch.from_numpy(x) for x in matrices]
    assert same(load(tuple(tensors)), netsculpt.from_matrices(matrices))
    for single in (matrices[0], tensors[0], csr_array(matrices[0])):
        assert same(load(single), netsculpt.from_matrices(matrices[:1]))
    assert load(matrices[0], mask=masks[0]).n_edges == masks[0].sum()


@pytest.mark.parametrize("make", [mlp, pruned])
def test_a_net_of_linear_layers_is_traced(make: Any) -> None:
    net = make().double()
    graph = load(net)
    assert same(graph, trace(net, torch.zeros(1, 6, dtype=torch.float64)))
    assert dict(graph.provenance[0].parameters) == {"net": "Sequential", "example": [1, 6]}


def test_a_residual_net_keeps_its_sum() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.inner = nn.Linear(4, 4), parametrizations.weight_norm(nn.Linear(4, 4))
            self.norm = nn.LayerNorm(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.norm(self.first(x))
            y: torch.Tensor = x + self.inner(torch.relu(x))
            return y

    net = Residual()
    assert same(load(net), trace(net, torch.zeros(1, 4)))
    assert any(block.kind == "wiring" for block in load(net).blocks)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)), "Conv2d with weight"),
        (nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2)), "Embedding"),
        (nn.MultiheadAttention(4, 2), "in_proj_weight"),
        (nn.Sequential(nn.ReLU()), "no linear layer"),
        (nn.Sequential(nn.Unflatten(1, (2, 4)), nn.Linear(4, 2)), "4 zeros"),
    ],
)
def test_nets_that_do_not_say_what_a_sample_is_ask_for_an_example(
    net: nn.Module, message: str
) -> None:
    with pytest.raises(TopologyError, match=message) as caught:
        load(net)
    assert "netsculpt.trace(net, example)" in str(caught.value)


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (mlp(), {"mask": [np.ones((5, 6))]}, FormatError, "mask given for a net in memory"),
        ([np.eye(2)], {"allow_nonfinite": True}, FormatError, "given for matrices in memory"),
        (["a.pt", "b.pt"], {}, FormatError, "one file at a time"),
        ([np.eye(2)], {"mask": "mask.pt"}, FormatError, "arrays only"),
        ([np.eye(2), np.eye(3)], {}, GraphError, "'W2' is"),
        ({"a": csr_array(np.eye(2))}, {}, FormatError, "from_matrices"),
        ({"epoch": 3}, {}, FormatError, "holds no tensors"),
        (7, {}, FormatError, "a int is given"),
        ({"conv.weight": np.ones((2, 1, 3, 3), int)}, {}, TopologyError, "netsculpt.trace"),
    ],
)
def test_what_is_no_model_is_refused_in_words(
    model: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        load(model, **options)
