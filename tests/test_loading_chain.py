"""Topology from shapes; convolutions, flattening and norms compared with plain loops."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from netsculpt import NetGraph
from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.loading import load

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def loaded(state: dict[str, torch.Tensor], tmp_path: Path, **options: Any) -> NetGraph:
    torch.save(state, tmp_path / "w.pt")
    return load(tmp_path / "w.pt", **options)


def lenet() -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 6, 5),
            bn1=nn.BatchNorm2d(6),
            act1=nn.ReLU(),
            conv2=nn.Conv2d(6, 16, 5),
            gn=nn.GroupNorm(4, 16),
            act2=nn.ReLU(),
            flatten=nn.Flatten(),
            fc1=nn.Linear(16 * 9, 20),
            ln=nn.LayerNorm(20),
            fc2=nn.Linear(20, 3),
        )
    )


def sparsified(net: nn.Module) -> dict[str, torch.Tensor]:
    for name, tensor in net.named_parameters():
        if tensor.ndim > 1:
            tensor.data *= torch.rand_like(tensor) < 0.3
        elif "running" not in name:
            tensor.data = torch.randn_like(tensor)
    state = net.state_dict()
    for name, tensor in state.items():
        if "running" in name:
            tensor.copy_(torch.rand_like(tensor) + 0.5)
    return state


def edges_by_hand(
    weight: np.ndarray, keep: np.ndarray, taps: int, factor: np.ndarray, *, signed: bool
) -> dict[tuple[int, int], tuple[float, int]]:
    """(in, out) → weight and multiplicity, computed scalar by scalar."""
    flat, kept = weight.reshape(len(weight), -1), keep.reshape(len(weight), -1)
    edges: dict[tuple[int, int], tuple[float, int]] = {}
    for unit in range(flat.shape[0]):
        for column in range(flat.shape[1]):
            if kept[unit, column]:
                value = float(flat[unit, column]) * factor[unit]
                weighs, count = edges.get((column // taps, unit), (0.0, 0))
                edges[column // taps, unit] = (
                    weighs + (value if signed else abs(value)),
                    count + 1,
                )
    return edges


def check_block(
    graph: NetGraph, source: str, target: str, expected: dict[tuple[int, int], tuple[float, int]]
) -> None:
    block = graph.block(source, target).tocoo()
    counts = np.ones(graph.n_edges, int) if graph.multiplicity is None else graph.multiplicity
    counts = counts[graph.block_edges(source, target)]
    found = {
        (int(i), int(j)): (w, int(n))
        for i, j, w, n in zip(block.row, block.col, block.data, counts, strict=True)
    }
    assert found.keys() == expected.keys()
    for pair, (weighs, count) in expected.items():
        assert found[pair][1] == count
        assert found[pair][0] == pytest.approx(weighs, rel=1e-5)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_conv_norm_linear_chain(sparse: bool, tmp_path: Path) -> None:
    state = sparsified(lenet())
    given = {k: x.to_sparse() if sparse and x.ndim > 1 else x for k, x in state.items()}
    graph = loaded(given, tmp_path)
    assert [(x.name, x.n_units) for x in graph.layers] == [
        *(("input", 1), ("conv1", 6), ("conv2", 16), ("fc1", 20), ("fc2", 3))
    ]
    assert [(x.parameter, x.kind, x.size) for x in graph.blocks] == [
        ("conv1.weight", "conv", 6 * 25),
        ("conv2.weight", "conv", 16 * 6 * 25),
        ("fc1.weight", "linear", 20 * 144),
        ("fc2.weight", "linear", 60),
    ]
    array = {name: x.numpy().astype(np.float64) for name, x in state.items()}
    factors = {
        "conv1": array["bn1.weight"] / np.sqrt(array["bn1.running_var"] + 1e-5),
        "conv2": array["gn.weight"],
        "fc1": array["ln.weight"],
        "fc2": np.ones(3),
    }
    for source, target, taps in (
        *(("input", "conv1", 25), ("conv1", "conv2", 25)),
        *(("conv2", "fc1", 9), ("fc1", "fc2", 1)),
    ):
        weight = array[f"{target}.weight"]
        expected = edges_by_hand(weight, weight != 0, taps, factors[target], signed=taps == 1)
        check_block(graph, source, target, expected)
    assert graph.n_parameters == sum(int((array[f"{x}.weight"] != 0).sum()) for x in factors)
    said = graph.provenance[0].parameters
    assert said["flattened_positions"] == {"fc1.weight": 9}
    assert said["norms_folded"] == {
        "bn1": {"kind": "batch", "into": "conv1.weight", "epsilon": 1e-5},
        "gn": {"kind": "layer", "into": "conv2.weight"},
        "ln": {"kind": "layer", "into": "fc1.weight"},
    }
    assert said["edges"] == ("stored" if sparse else "nonzero")


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_masks_of_kernels_and_flattened_layers(sparse: bool, tmp_path: Path) -> None:
    state = {"conv.weight": torch.randn(3, 2, 2, 2), "fc.weight": torch.randn(4, 12)}
    masks = {name: torch.rand(x.shape) < 0.3 for name, x in state.items()}
    for name, x in state.items():
        x[tuple(masks[name].nonzero()[0])] = 0.0  # kept, and zero: counted
    torch.save(masks, tmp_path / "m.pt")
    given = {name: x.to_sparse() if sparse else x for name, x in state.items()}
    graph = loaded(given, tmp_path, mask=tmp_path / "m.pt")
    for name, source, target in (
        ("conv.weight", "input", "conv"),
        ("fc.weight", "conv", "fc"),
    ):
        ones = np.ones(len(state[name]))
        expected = edges_by_hand(state[name].numpy(), masks[name].numpy(), 4, ones, signed=False)
        check_block(graph, source, target, expected)


def test_an_edge_of_masked_zeros_weighs_nothing_and_stays(tmp_path: Path) -> None:
    state = {"conv.weight": torch.zeros(1, 1, 2, 2), "conv.weight_mask": torch.ones(1, 1, 2, 2)}
    graph = loaded(state, tmp_path)
    assert (graph.n_edges, graph.weights.data.tolist()) == (1, [0.0])
    assert graph.multiplicity is not None
    assert graph.multiplicity.tolist() == [4]


def test_units_with_a_norm_factor_of_zero_keep_what_arrives_and_feed_nothing(
    tmp_path: Path,
) -> None:
    state = {
        "fc.weight": torch.full((2, 2), 3.0),
        "ln.weight": torch.tensor([0.0, 2.0]),
        "ln.bias": torch.ones(2),
        "last.weight": torch.ones(1, 2),
    }
    graph = loaded(state, tmp_path)
    assert graph.block("input", "fc").toarray().tolist() == [[3.0, 6.0], [3.0, 6.0]]
    assert graph.block("fc", "last").toarray().tolist() == [[0.0], [1.0]]
    assert (graph.n_edges, graph.live().n_edges) == (5, 3)


def test_two_norms_multiply(tmp_path: Path) -> None:
    net = nn.Sequential(
        nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2, affine=False), nn.LayerNorm(2)
    )
    state = net.state_dict()
    state["0.weight"], state["1.running_var"] = torch.ones(2, 2), torch.tensor([4.0, 16.0])
    state["2.weight"] = torch.tensor([-1.0, 2.0])
    found = loaded(state, tmp_path).block("input", "0").toarray()
    np.testing.assert_allclose(found, [[-0.5, 0.5]] * 2, rtol=1e-5)


def test_a_nonfinite_norm_is_reported(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.BatchNorm1d(2))
    state = net.state_dict()
    state["1.running_var"] = torch.tensor([1.0, -1.0])
    with pytest.raises(FormatError, match=r"2 edges whose value is NaN .* '0\.weight' \(2\)"):
        loaded(state, tmp_path)


def test_global_pooling_needs_no_grouping(tmp_path: Path) -> None:
    state = {"conv.weight": torch.ones(3, 1, 2, 2), "fc.weight": -torch.ones(2, 3)}
    graph = loaded(state, tmp_path)
    assert graph.block("conv", "fc").toarray().tolist() == [[-1, -1]] * 3
    assert "flattened_positions" not in graph.provenance[0].parameters


def test_vectors_never_make_edges(tmp_path: Path) -> None:
    state = {
        "fc.weight": torch.eye(3),
        "fc.bias": torch.ones(3),
        "act.weight": torch.ones(1),  # PReLU
        "cls_token": torch.ones(3),
        "steps": torch.tensor(4),
    }
    assert loaded(state, tmp_path).n_edges == 3


NOT_A_CHAIN: dict[str, tuple[dict[str, torch.Tensor], str]] = {
    "mismatch": (
        {"a.weight": torch.ones(4, 3), "b.weight": torch.ones(2, 5)},
        r"'b\.weight' \[2, 5\] comes after 'a\.weight' \[4, 3\].*4 outputs, not the 5",
    ),
    "both candidates": (
        {"a.weight": torch.ones(5, 3), "b.weight": torch.ones(7, 5), "c.weight": torch.ones(2, 5)},
        r"'c\.weight' \[2, 5\] comes after 'b\.weight'.*'a\.weight' \[5, 3\] would fit before it",
    ),
    "shortcut": (
        {
            "conv1.weight": torch.ones(4, 4, 3, 3),
            "downsample.weight": torch.ones(4, 4, 1, 1),
        },
        r"'downsample\.weight' .*shortcut",
    ),
    "attention": (
        {f"block.{x}.weight": torch.ones(4, 4) for x in ("q_proj", "k_proj", "v_proj")},
        r"'block\.q_proj\.weight' .*attention",
    ),
    "recurrent": (nn.LSTM(4, 1).state_dict(), r"'weight_ih_l0' .*recurrent"),
    "grouped": (
        {"a.weight": torch.ones(8, 3, 3, 3), "b.weight": torch.ones(8, 4, 3, 3)},
        "8 outputs, not the 4 .* it fits as a convolution of 2 groups",
    ),
    "depthwise": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, groups=8)).state_dict(),
        "8 outputs, not the 1 .* it fits as a convolution of 8 groups",
    ),
    "mask of nothing named": (
        {"a.weight": torch.ones(5, 5), "mask": torch.eye(5), "b.weight": torch.ones(3, 5)},
        r"'mask' \[5, 5\] .* does not say what it masks",
    ),
    "deconvolution": (
        {"a.weight": torch.ones(8, 3), "b.weight": torch.ones(2, 4, 3, 3)},
        "8 outputs, not the 4",
    ),
    "three axes": ({"a.weight": torch.ones(3, 2, 5)}, r"\[3, 2, 5\]"),
    "norm first": (
        {"bn.weight": torch.ones(3), "bn.bias": torch.ones(3), "fc.weight": torch.ones(2, 3)},
        "norm 'bn' .*no layer comes before it",
    ),
    "norm of another size": (
        {"fc.weight": torch.ones(2, 3), "bn.weight": torch.ones(3), "bn.bias": torch.ones(3)},
        r"norm 'bn' .*multiplies 3 units, and 'fc\.weight' \[2, 3\] comes before it",
    ),
    "RMS norm or PReLU": (
        {"fc.weight": torch.ones(2, 3), "x.weight": torch.ones(2)},
        "may be the factors of an RMS norm or the slopes of a PReLU",
    ),
}


@pytest.mark.parametrize("kind", NOT_A_CHAIN)
def test_ambiguous_topology(kind: str, tmp_path: Path) -> None:
    state, message = NOT_A_CHAIN[kind]
    with pytest.raises(TopologyError, match=message) as caught:
        loaded(state, tmp_path)
    assert caught.value.exit_code == 5
    assert "\n" not in str(caught.value)
    assert "on the command line add --model pkg.module:factory" in str(caught.value)


def test_no_weight_at_all(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no weight matrix"):
        loaded({"bias": torch.ones(3)}, tmp_path)


def from_safetensors(state: dict[str, torch.Tensor], tmp_path: Path) -> NetGraph:
    save_file({k: x.contiguous() for k, x in state.items()}, tmp_path / "w.safetensors")
    return load(tmp_path / "w.safetensors")


def test_safetensors_sort_layers_by_number(tmp_path: Path) -> None:
    state = {f"layers.{i}.weight": torch.full((4, 4), float(i + 1)) for i in range(11)}
    state["layers.11.weight"] = torch.ones(3, 4)
    graph = from_safetensors(state, tmp_path)
    assert [x.name for x in graph.layers[1:]] == [f"layers.{i}" for i in range(12)]


def test_safetensors_sort_families_by_shape(tmp_path: Path) -> None:
    net = nn.Sequential(
        OrderedDict(
            features=nn.Sequential(
                *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
                *(nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU()),
            ),
            classifier=nn.Sequential(nn.Linear(8 * 4, 16), nn.ReLU(), nn.Linear(16, 5)),
        )
    )
    graph = from_safetensors(net.state_dict(), tmp_path)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    expected = load(tmp_path / "w.pt")
    assert graph.layers == expected.layers
    np.testing.assert_array_equal(graph.weights.data, expected.weights.data)
    mine, theirs = graph.provenance[0].parameters, expected.provenance[0].parameters
    assert mine["norms_folded"] == theirs["norms_folded"]


def test_safetensors_whose_order_is_lost(tmp_path: Path) -> None:
    state = {"head.weight": torch.ones(4, 4), "body.weight": torch.ones(4, 4)}
    message = r"both '(body|head)\.weight' .* and '(body|head)\.weight' .* fit in the same place"
    with pytest.raises(TopologyError, match=message):
        from_safetensors(state, tmp_path)


def test_safetensors_with_too_many_orders_end_soon(tmp_path: Path) -> None:
    names = [f"{a}{b}" for a in "abcdefg" for b in "xyz"]
    state = {f"{name}.weight": torch.ones(2, 2) for name in names} | {"zz.weight": torch.ones(3, 3)}
    with pytest.raises(TopologyError, match="too many orders"):
        from_safetensors(state, tmp_path)


def test_safetensors_norms_attach_by_size(tmp_path: Path) -> None:
    state = {
        "fc1.weight": torch.ones(5, 2),
        "fc2.weight": torch.ones(3, 5),
        "bn.weight": torch.full((5,), 2.0),
        "bn.bias": torch.zeros(5),
    }
    assert (
        from_safetensors(state, tmp_path).block("input", "fc1").toarray().tolist() == [[2] * 5] * 2
    )
    state["fc2.weight"] = torch.ones(5, 5)
    with pytest.raises(TopologyError, match="not clear which layer's units"):
        from_safetensors(state, tmp_path)


def autoencoder(decoder: str, encoder: str) -> dict[str, torch.Tensor]:
    """5-4-3-4-5, whose decoder is registered before its encoder: 3-4-5-4-3 fits as well."""
    shapes = {
        (decoder, 0): (4, 3),
        (decoder, 1): (5, 4),
        (encoder, 0): (4, 5),
        (encoder, 1): (3, 4),
    }
    return {f"{name}.{i}.weight": torch.ones(x) for (name, i), x in shapes.items()}


@pytest.mark.parametrize(
    "names",
    [("decoder", "encoder"), ("net.dec", "net.enc"), ("imageDecoder", "imageEncoder")],
)
def test_a_decoder_does_not_feed_its_encoder(names: tuple[str, str], tmp_path: Path) -> None:
    state = autoencoder(*names)
    with pytest.raises(TopologyError, match="by their names it takes what that makes") as caught:
        loaded(state, tmp_path)
    assert caught.value.exit_code == 5
    assert "save the weights again in the order of the forward pass" in str(caught.value)
    forward = dict(sorted(state.items(), key=lambda x: "dec" in x[0].lower()))
    assert [x.n_units for x in loaded(forward, tmp_path).layers] == [5, 4, 3, 4, 5]
    plain = {f"{i}.weight": x for i, x in enumerate(state.values())}  # no name speaks against it
    assert [x.n_units for x in loaded(plain, tmp_path).layers] == [3, 4, 5, 4, 3]


def of(*shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Weights of a list of layers."""
    return {f"{i}.weight": torch.ones(shape) for i, shape in enumerate(shapes)}


SQUARES = {f"layers.{i}.weight": torch.ones(5, 5) for i in range(12)}
REMEDIES: dict[str, tuple[dict[str, torch.Tensor], str, bool]] = {  # state, example, is ordered
    "squares in order": (SQUARES, "1,5", True),
    "linear or embedding": (of((2, 2), (1, 2)), "1,2", True),
    "whole numbers": ({"fc.weight": torch.ones(4, 7, dtype=torch.int8)}, "1,7", True),
    "a shortcut": (NOT_A_CHAIN["shortcut"][0], "1,4,32,32", True),
    "attention": (NOT_A_CHAIN["attention"][0], "1,4", True),
    "groups": (NOT_A_CHAIN["grouped"][0], "1,3,32,32", True),
    "kernels of one axis": (of((8, 3, 5), (8, 2, 1)), "1,3,32", True),
    "no order": ({"a.weight": torch.ones(4, 4), "b.weight": torch.ones(4, 4)}, "1,4", False),
}


@pytest.mark.parametrize("kind", REMEDIES)
def test_remedies_are_true(kind: str, tmp_path: Path) -> None:
    """Nobody is told to save again in order what is in order, or what has none."""
    state, example, ordered = REMEDIES[kind]
    path = tmp_path / ("w.pt" if ordered else "w.safetensors")
    (torch.save if ordered else save_file)(state, path)
    with pytest.raises(TopologyError) as caught:
        load(path)
    text = str(caught.value)
    assert re.search(f"--example-shape {example}(, as| \\()", text)
    assert ("is a guess" in text) == ("32" in example)  # no weight says how large an image is
    assert "in the order of the forward pass" not in text
    assert ("save a state dict with torch.save" in text) is not ordered


def test_weights_in_another_order_are_to_be_saved_again(tmp_path: Path) -> None:
    shapes = {"c": (3, 4), "b": (5, 3), "a": (2, 5)}
    state = {f"{name}.weight": torch.ones(shapes[name]) for name in "cab"}
    with pytest.raises(TopologyError, match=r"would fit .*again in the order of the forward pass"):
        loaded(state, tmp_path)
    again = {f"{name}.weight": torch.ones(shapes[name]) for name in shapes}
    assert loaded(again, tmp_path).n_edges == 3 * 4 + 5 * 3 + 2 * 5
