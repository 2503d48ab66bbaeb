"""Compare graphs with their nets: faithful ones pass, every wrong one is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune
from traced_nets import Function

import netsculpt.report
from netsculpt.core.errors import GraphError
from netsculpt.core.figure_style import NO_FIGURES
from netsculpt.graph.graph import NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.nets.families import ResNet, initial_net
from netsculpt.nets.masks import mask_net
from netsculpt.paths import pair_weights
from netsculpt.pipeline import AnalysisPlan, analyze
from netsculpt.report.folder import write_analysis
from netsculpt.report.summary import summary
from netsculpt.report.terminal.analysis import print_report
from netsculpt.tracing import Fidelity, fidelity, trace
from netsculpt.tracing.engine.activation import Activation
from netsculpt.tracing.engine.edges import Edges
from netsculpt.tracing.rules import elementwise
from netsculpt.tracing.rules._parts import scaling

EDGES = 1e-7  # float32 rounding of weights, in layers
OUTPUTS = 3e-6  # float32 rounding of the net's own forward pass


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def shaken(net: nn.Module) -> nn.Module:
    """The net with norms that differ much from the identity."""
    generator = torch.Generator().manual_seed(5)
    for layer in net.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            for tensor in (layer.weight.data, layer.bias.data, layer.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            layer.running_var.copy_(torch.rand(layer.running_var.shape, generator=generator) + 0.2)
        if isinstance(layer, nn.LayerNorm | nn.GroupNorm | nn.RMSNorm):
            layer.weight.data.copy_(torch.randn(layer.weight.shape, generator=generator))
    return net


def circular(n_in: int, n_out: int, **options: object) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, 3, padding=1, padding_mode="circular", **options)


def mlp() -> nn.Sequential:
    """Norms that fold into arriving edges (1, 7) and into leaving ones (4, 9)."""
    return nn.Sequential(
        *(nn.Linear(5, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 6), nn.Tanh()),
        *(nn.BatchNorm1d(6), nn.Linear(6, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.BatchNorm1d(4)),
        nn.Linear(4, 3),
    )


def cnn() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.Conv2d(4, 6, 3, groups=2, dilation=2, padding="same"), nn.ReLU(), nn.GroupNorm(2, 6)),
        *(nn.ConvTranspose2d(6, 4, 3, stride=2), nn.Conv2d(4, 3, 1, stride=2), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(27, 5), nn.LayerNorm(5), nn.Linear(5, 2)),
    )


def residual() -> Function:
    def forward(net: Function, x: Tensor) -> Tensor:
        x = net.a(x)
        y = x + net.norm(net.b(torch.relu(x)))
        gated = y * torch.sigmoid(net.gate(y))
        return net.c(3 - gated / 2), torch.cat([2 * y, x.flip(1)], 1)

    return Function(
        forward, a=nn.Linear(4, 6), b=nn.Linear(6, 6), norm=nn.BatchNorm1d(6),
        gate=nn.Linear(6, 6), c=nn.Linear(6, 2),
    )  # fmt: skip


def tied() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    net[2].weight = net[0].weight
    return net


def faithful(net: nn.Module, shape: tuple[int, ...], **options: object) -> Fidelity:
    example = torch.zeros(shape, dtype=next(net.parameters()).dtype)
    result = fidelity(net, trace(net, example, **options), example, rng=1)
    errors = [x.error for x in result.layers if x.error is not None]
    assert max(errors) < EDGES
    assert result.output_error < OUTPUTS
    return result


def checks(result: Fidelity) -> dict[str, str]:
    return {x.layer: x.check for x in result.layers}


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (mlp, (3, 5)),
        (residual, (2, 4)),
        (tied, (1, 4)),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Tanh(), nn.RMSNorm(4)), (2, 3)),
        (lambda: nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), (1, 3)),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.Unflatten(1, (2, 2)), nn.Flatten()), (1, 3)),
        (lambda: nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), (2, 7, 3)),
        (lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double(), (1, 3)),
    ],
    ids=["mlp", "residual", "tied", "layer norms", "norm first", "moves", "positions", "double"],
)
def test_nets_without_collapse_are_rebuilt(
    make: Callable[[], nn.Module], shape: tuple[int, ...]
) -> None:
    result = faithful(shaken(make()), shape)
    assert {x.check for x in result.layers if x.parameter} == {"values"}
    assert "not checked" not in checks(result).values()
    if next(make().parameters()).dtype == torch.float64:
        assert result.max_error < 1e-14


def test_norms_that_are_not_folded() -> None:
    faithful(shaken(residual()), (2, 4), fold_norms=False)


@pytest.mark.parametrize("norm", ["l1", "l2", "sum"])
def test_kernels_by_their_path_sums(norm: str) -> None:
    result = faithful(shaken(cnn()), (2, 2, 9, 9), edge_norm=norm)
    signed = "values" if norm == "sum" else "path sums"  # |k| of one tap is not a value
    assert checks(result) == {
        "0": "path sums", "3": "path sums", "6": "path sums", "7": signed, "10": "path sums",
        "12": "values",
    }  # fmt: skip


def test_elements_as_units_are_rebuilt() -> None:
    net = nn.Sequential(
        *(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.Conv2d(4, 6, 3, groups=2, dilation=2, padding="same"), nn.ReLU()),
        *(nn.ConvTranspose2d(6, 3, 3, stride=2), circular(3, 2), nn.Flatten(), nn.Linear(98, 2)),
    )
    result = faithful(shaken(net), (2, 2, 6, 6), granularity="spatial")
    assert set(checks(result).values()) == {"values"}


def test_attention_is_checked_where_it_multiplies_by_weights() -> None:
    net = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    result = faithful(shaken(net), (1, 3, 8))
    unknown = {x.layer for x in result.layers if x.check == "not checked"}
    assert unknown == {"self_attn.pattern", "self_attn.heads"}
    assert {x.check for x in result.layers if x.parameter} == {"values"}


def test_rows_that_a_scatter_leaves_partly_empty() -> None:
    net = Function(
        lambda net, x: net.linear(
            torch.cat([x, torch.zeros_like(x).index_add(1, net.ends, x)], -1)
        ),
        linear=nn.Linear(8, 4),
        ends=torch.tensor([1, 2, 2, 4, 4]),
    )
    example = torch.randn(1, 5, 4)
    graph = trace(net, example)
    magnitude = net.linear.weight.detach().abs()
    expected = (magnitude[:, :4] + magnitude[:, 4:]).T  # own features, and those that arrive
    assert np.allclose(graph.block("input", "linear").toarray(), expected)
    assert fidelity(net, graph, example, rng=0).max_error < OUTPUTS
    weights = graph.weights.data.copy()
    weights[0] *= 2
    wrong = fidelity(net, graph.with_weights(weights), example, rng=0)
    assert wrong.max_error > 0.01


def test_a_resnet_with_strided_shortcuts() -> None:
    spec = ResNet((3, 8, 8), 4, widths=(2, 3), blocks=2)
    net = shaken(initial_net(spec, rng=0))
    result = faithful(net, (1, spec.n_inputs))
    assert checks(result)["block2_1.shortcut.conv"] == "path sums"
    assert checks(result)["block2_1.add"] == "values"
    assert checks(result)["fc"] == "values"


def test_norms_that_multiply_by_zero() -> None:
    net = shaken(mlp())
    with torch.no_grad():
        for at in (1, 5, 9):
            net[at].weight[1] = 0
    faithful(net, (2, 5))


def test_pruned_nets_and_weights_that_an_optimizer_moved() -> None:
    net = shaken(mlp())
    prune.random_unstructured(net[0], "weight", 0.5)
    mask_net(net, {"6.weight": torch.rand(4, 6) < 0.5})
    with torch.no_grad():
        net[6].weight.fill_(3.0)
    faithful(net, (2, 5))


class Last(nn.Module):
    def forward(self, given: tuple[Tensor, object]) -> Tensor:
        return given[0]


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 4, padding_idx=0)
        self.decoder = nn.Linear(4, 11, bias=False)
        self.decoder.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.decoder(3 * self.embedding(ids))


def test_an_input_given_twice_is_two_inputs() -> None:
    net, x = Function(lambda net, x, y: net.a(x) - y, a=nn.Linear(3, 3)), torch.ones(1, 3)
    result = fidelity(net, trace(net, (x, x)), (x, x), rng=0)
    assert result.max_error < OUTPUTS


def test_tokens_of_single_positions_are_not_checked() -> None:
    net, ids = Tokens(), torch.zeros(2, 5, dtype=torch.int64)
    result = fidelity(net, trace(net, ids, granularity="spatial"), ids, rng=0)
    assert checks(result)["embedding"] == "not checked"
    assert result.output_error < OUTPUTS


def test_rows_that_are_always_the_same_have_no_edges_to_check() -> None:
    token = nn.Parameter(torch.ones(1, 1, 3))
    net = Function(
        lambda net, x: net.b(torch.cat([net.token, net.a(x)], 1)),
        a=nn.Linear(3, 3),
        b=nn.Linear(3, 2),
    )
    net.register_parameter("token", token)
    x = torch.zeros(1, 4, 3)
    result = fidelity(net, trace(net, x, granularity="spatial"), x, rng=0)
    assert result.max_error < OUTPUTS
    assert checks(result) == {"a": "values", "b": "values", "output": "values"}


def test_embeddings_are_rebuilt() -> None:
    net, ids = Tokens(), torch.zeros(2, 5, dtype=torch.int64)
    graph = trace(net, ids)
    result = fidelity(net, graph, ids, rng=0)
    assert result.max_error < OUTPUTS
    assert checks(result) == {"embedding": "values", "decoder": "values"}
    wrong = fidelity(net, changed(graph, "input", "embedding", 2), ids, rng=0)
    assert guilty(wrong) == {"embedding"}


def changed(graph: NetGraph, source: str, target: str, factor: float) -> NetGraph:
    """The same graph except for one edge of a block."""
    weights = graph.weights.data.copy()
    edges = np.arange(graph.n_edges)[graph.block_edges(source, target)]
    weights[edges[len(edges) // 2]] *= factor
    return graph.with_weights(weights)


def guilty(result: Fidelity) -> set[str]:
    return {x.layer for x in result.layers if x.error is not None and x.error > EDGES}


@pytest.mark.parametrize("odd", [0, 1])
def test_one_wrong_weight_is_found_in_its_layer(odd: int) -> None:
    net, example = shaken(mlp()), torch.zeros(1, 5)
    graph = wrong = trace(net, example)
    blocks, factors = graph.blocks[odd::2], (-1.0, 1.01) if odd else (0.0, -1.0)
    for block, factor in zip(blocks, factors, strict=True):
        wrong = changed(wrong, block.source, block.target, factor)
    result = fidelity(net, wrong, example, rng=2)
    assert guilty(result) == {block.target for block in blocks}


@pytest.mark.parametrize("at", [0, -1])
def test_wrong_weights_count_in_the_rebuilt_pass_too(at: int) -> None:
    net, example = shaken(mlp()), torch.zeros(32, 5)
    graph = trace(net, example)
    weights = graph.weights.data.copy()
    weights[graph.block_edges(graph.blocks[at].source, graph.blocks[at].target)] *= 1.5
    result = fidelity(net, graph.with_weights(weights), example, rng=2)
    assert guilty(result) == {graph.blocks[at].target}
    assert result.output_error > 0.1
    assert result.max_error >= result.output_error


@pytest.mark.parametrize(("norm", "odd"), [("l1", 0), ("l1", 1), ("l2", 0), ("sum", 1)])
def test_one_wrong_kernel_is_found_in_its_layer(norm: str, odd: int) -> None:
    net, example = shaken(cnn()), torch.zeros(1, 2, 9, 9)
    graph = wrong = trace(net, example, edge_norm=norm)
    for block in graph.blocks[odd::2]:
        # what is squared has lost its sign
        wrong = changed(wrong, block.source, block.target, 1.1 if norm == "l2" else -1)
    targets = {block.target for block in graph.blocks[odd::2]}
    assert guilty(fidelity(net, wrong, example, rng=2)) == targets


def test_wrong_wiring_is_found() -> None:
    net, example = shaken(residual()), torch.zeros(1, 4)
    graph = trace(net, example)
    assert fidelity(net, graph, example, rng=0).max_error < OUTPUTS
    for source, target in (("a", "add"), ("add", "output")):
        wrong = changed(graph, source, target, -1)
        assert guilty(fidelity(net, wrong, example, rng=0)) == {target}


def test_a_graph_of_weights_before_they_changed_is_found() -> None:
    net, example = mlp(), torch.zeros(1, 5)
    graph = trace(net, example)
    with torch.no_grad():
        net[3].weight[2, 3] += 0.1
        net[1].running_var[4] += 0.3
    assert guilty(fidelity(net, graph, example, rng=0)) == {"0", "3"}


def test_factors_that_a_trace_loses_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    net, example = shaken(mlp()), torch.zeros(1, 5)
    monkeypatch.setattr(Edges, "scale", lambda *_: None)
    assert guilty(fidelity(net, trace(net, example), example)) == {"0", "6"}
    monkeypatch.setattr(scaling, "Activation", lambda units, _: Activation(units))
    assert guilty(fidelity(net, trace(net, example), example)) == {"0", "3", "6"}


def test_factors_that_a_trace_puts_where_others_see_them_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A norm after a ReLU does not scale a sum."""
    net = shaken(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 2)))
    example = torch.zeros(1, 3)
    assert not guilty(fidelity(net, trace(net, example), example))
    monkeypatch.setattr(elementwise, "replace", lambda x, private: replace(x, private=True))
    assert guilty(fidelity(net, trace(net, example), example)) == {"0"}


def test_a_missing_edge_is_named() -> None:
    net, example = mlp(), torch.zeros(1, 5)
    graph = trace(net, example)
    weights = graph.weights.tocoo()
    keep = np.arange(graph.n_edges) != 3
    data, row, col = (x[keep] for x in (weights.data, weights.row, weights.col))
    fewer = replace(graph, weights=type(weights)((data, (row, col)), weights.shape).tocsr())
    with pytest.raises(GraphError, match=r"'input' → '0' lacks 1 edges.* 0 that the net does not"):
        fidelity(net, fewer, example)
    prune.random_unstructured(net[3], "weight", 2)
    with pytest.raises(GraphError, match=r"'0' → '3' lacks 0 edges.*has 2 that"):
        fidelity(net, graph, example)


def test_graphs_of_other_nets_are_refused() -> None:
    net, example = mlp(), torch.zeros(1, 5)
    other = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    with pytest.raises(GraphError, match=r"layers are not the net's: number 3 is Layer\(name='2'"):
        fidelity(net, trace(other, example), example)
    with pytest.raises(GraphError, match="was made by from_matrices, not by a trace"):
        fidelity(net, from_matrices([np.ones((5, 3))]), example)
    dead = nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 2))
    prune.custom_from_mask(dead[1], "weight", (torch.arange(7) > 0).expand(2, 7))
    with pytest.raises(GraphError, match="trace this net again"):
        fidelity(dead, trace(dead, example).live(), example)


def test_the_options_of_the_trace_are_those_of_the_check() -> None:
    net, example = shaken(cnn()), torch.zeros(1, 2, 9, 9)
    graph = trace(net, example, edge_norm="l2")
    (made,) = graph.provenance
    changed = replace(made, parameters={**made.parameters, "edge_norm": "l1"})
    assert guilty(fidelity(net, replace(graph, provenance=(changed,)), example)) >= {"0", "3", "6"}


def test_layers_that_are_not_checked_have_a_reason() -> None:
    net = nn.LSTM(3, 4, batch_first=True)
    example = torch.zeros(1, 5, 3)
    result = fidelity(net, trace(net, example), example)
    assert {x.check for x in result.layers if x.parameter} == {"not checked"}
    assert all(x.reason and x.error is None for x in result.layers if x.check == "not checked")


def test_results_are_tables_and_plain_values() -> None:
    net, example = residual(), torch.zeros(1, 4)
    one, two = (fidelity(net.train(), trace(net, example), example, rng=3) for _ in range(2))
    assert one == two
    assert net.training
    assert net.norm.training
    table = one.table()
    assert list(table.columns) == ["layer", "parameter", "check", "error", "reason"]
    assert len(table) == len(one.layers)
    summary = json.loads(json.dumps(one.summary()))
    assert summary["max_error"] == one.max_error
    assert summary["n_checked"] == len(one.layers)
    assert summary["n_not_checked"] == 0
    assert {x["check"] for x in summary["layers"]} == {"values", "sources"}


def test_path_sums_of_a_circular_net_are_those_of_the_unrolled_one() -> None:
    """Σ over paths of Π w from channel i to channel j = value of j where i is 1 everywhere."""
    net = nn.Sequential(
        *(circular(2, 4), nn.ReLU(), circular(4, 6, groups=2, bias=False), nn.Tanh()),
        *(nn.Conv2d(6, 5, 1), nn.ReLU(), circular(5, 5, groups=5), circular(5, 3)),
    )
    generator = torch.Generator().manual_seed(3)
    masks = {
        f"{at}.weight": torch.rand(net[at].weight.shape, generator=generator) < 0.5
        for at in (0, 2, 7)
    }
    mask_net(net, masks)
    graph = trace(net, torch.zeros(1, 2, 5, 6))
    sums = pair_weights(graph)
    value = torch.eye(2).double().view(2, 2, 1, 1).expand(-1, -1, 5, 6)
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            around = [(n - 1) // 2 for n in layer.kernel_size for _ in range(2)]
            padded = functional.pad(value, around, mode="circular")
            weight = layer.weight.detach().double().abs()
            value = functional.conv2d(padded, weight, groups=layer.groups)
    assert sums.min() > 0
    for position in value.flatten(2).unbind(2):
        assert np.allclose(sums, position.numpy(), rtol=1e-5)


def test_reports_show_the_fidelity(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    net, example = nn.Sequential(nn.LSTM(5, 4), Last(), nn.Linear(4, 2)), torch.zeros(1, 3, 5)
    graph = trace(net, example)
    result = fidelity(net, graph, example, rng=0)
    analysis = analyze(graph, AnalysisPlan(n_nulls=0, n_seeds=0), rng=0)
    analysis = replace(analysis, fidelity=result)
    print_report(analysis)
    words = " ".join(capsys.readouterr().out.split())
    assert "Fidelity to the net Edges compared with the net in" in words
    assert f"differ from the net's by {result.output_error:.1e} of their scale" in words
    assert "Not checked: 0.i, 0.f, 0.g, 0.o" in words
    write_analysis(analysis, tmp_path, figures=NO_FIGURES)
    written = json.loads((tmp_path / "summary.json").read_text())
    assert written["fidelity"] == summary(analysis)["fidelity"]
    assert written["fidelity"]["max_error"] == pytest.approx(result.max_error, rel=1e-11)
    assert len(written["fidelity"]["layers"]) == len(result.summary()["layers"])
    schema = json.loads(Path(netsculpt.report.__path__[0], "summary.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(written)
