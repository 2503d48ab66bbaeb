"""Norms: those of torch and those written by hand make the same graph; constant units are dead."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from traced_nets import Function

import netsculpt
from netsculpt.core.errors import GraphError, TopologyError
from netsculpt.graph.graph import NetGraph
from netsculpt.paths import pair_weights
from netsculpt.pipeline import AnalysisPlan, analyze
from netsculpt.report.terminal.analysis import print_report
from netsculpt.tracing import fidelity, trace
from netsculpt.tracing.export import exported
from netsculpt.tracing.norms import with_norms

D = 8
EPS = 1e-6
Norm = Callable[[Function, Tensor], Tensor]


def around(*norms: Norm) -> Function:
    """A sparse net of four inputs and, for each norm between two layers, three outputs."""
    torch.manual_seed(0)

    def forward(net: Function, x: Tensor) -> Tensor:
        normed = (norm(net, net.first(x)) for norm in norms)
        return torch.cat([net.last(functional.leaky_relu(y)) for y in normed], 1)

    net = Function(
        forward, first=nn.Linear(4, D), last=nn.Linear(D, 3), gamma=nn.Parameter(torch.randn(D)),
        beta=nn.Parameter(torch.randn(D)), other=nn.Linear(D, D),
    )  # fmt: skip
    with torch.no_grad():  # units 0 … 3 serve input 0 and output 0, the others the rest
        for weight in (net.first.weight, net.last.weight.T):
            weight[:4, 1:], weight[4:, :1] = 0, 0
    return net


def mean(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True)


def scaled(x: Tensor) -> Tensor:
    return x * torch.rsqrt(mean(x.pow(2)) + EPS)


def centred(x: Tensor) -> Tensor:
    return x - mean(x)


LAYER_NORMS: dict[str, Norm] = {
    "torch": lambda net, x: functional.layer_norm(x, (D,), net.gamma, net.beta, EPS),
    "deviation": lambda net, x: (
        net.gamma * centred(x) / (x.std(-1, keepdim=True, correction=0) + EPS) + net.beta
    ),
    "var_mean": lambda net, x: (
        (x - torch.var_mean(x, -1, keepdim=True, correction=0)[1])
        * (torch.var_mean(x, -1, keepdim=True, correction=0)[0] + EPS).rsqrt()
        * net.gamma
        + net.beta
    ),
    "squares": lambda net, x: (
        net.gamma * (centred(x) / torch.sqrt(mean(centred(x).pow(2)) + EPS)) + net.beta
    ),
    "two moments": lambda net, x: (
        centred(x) / (mean(x * x) - mean(x) ** 2 + EPS).sqrt() * net.gamma + net.beta
    ),
    "centred, then scaled": lambda net, x: scaled(centred(x)) * net.gamma + net.beta,
}

RMS_NORMS: dict[str, Norm] = {
    "torch": lambda net, x: functional.rms_norm(x, (D,), net.gamma, EPS),
    "Llama": lambda net, x: net.gamma * scaled(x.to(torch.float32)).to(x.dtype),
    "Gemma": lambda net, x: (scaled(x.float()) * (1.0 + (net.gamma - 1.0))).type_as(x),
    "T5": lambda net, x: net.gamma * (x * torch.rsqrt(mean(x.to(torch.float32).pow(2)) + EPS)),
    "length": lambda net, x: functional.normalize(x, dim=-1) * math.sqrt(D) * net.gamma,
    "norm": lambda net, x: x / (x.norm(dim=-1, keepdim=True) * D**-0.5).clamp(min=EPS) * net.gamma,
    "einsum": lambda net, x: (
        x * (torch.einsum("...d,...d->...", x, x)[..., None] / D + EPS).pow(-0.5) * net.gamma
    ),
    "sum": lambda net, x: x / ((x * x).sum(-1, keepdim=True) / D + EPS) ** 0.5 * net.gamma,
    "detached": lambda net, x: x * (mean(x.detach().square()) + EPS).rsqrt() * net.gamma,
    "largest": lambda net, x: x / x.abs().amax(-1, keepdim=True) * net.gamma,
    "L1": lambda net, x: functional.normalize(x, p=1.0, dim=-1) * net.gamma,
    "of a part": lambda net, x: x / x[..., :5].norm(dim=-1, keepdim=True) * net.gamma,
}


NOT_NORMS: dict[str, Norm] = {  # they couple units, but do not normalise them
    "gate": lambda net, x: x * torch.sigmoid(mean(x)),
    "times its mean": lambda net, x: x * mean(x),
    "squares too many": lambda net, x: x / mean(x * x),
    "centred": lambda net, x: centred(x),
    "share": lambda net, x: x / x.sum(-1, keepdim=True),
    "softmax": lambda net, x: x.exp() / x.exp().sum(-1, keepdim=True),
    "of another": lambda net, x: x / mean(net.other(x).abs()),
    "range": lambda net, x: (
        (x - x.amin(-1, keepdim=True)) / (x.amax(-1, keepdim=True) - x.amin(-1, keepdim=True))
    ),
}


def traced(*norms: Norm, **options: object) -> NetGraph:
    return trace(around(*norms), torch.zeros(1, 4), **options)


def moved(net: nn.Module) -> np.ndarray:
    """Whether each input moves each output [I, O]: their derivatives."""
    x = torch.randn(4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda y: net(y[None])[0], x)
    return (jacobian.abs() > 1e-9).numpy().T


def same_graph(one: NetGraph, two: NetGraph) -> None:
    assert one.layers == two.layers
    assert [(x.source, x.target, x.parameter) for x in one.blocks] == [
        (x.source, x.target, x.parameter) for x in two.blocks
    ]
    assert np.array_equal(one.weights.indices, two.weights.indices)
    np.testing.assert_allclose(one.weights.data, two.weights.data, rtol=1e-5)


FORMS = {"layer": LAYER_NORMS, "RMS": RMS_NORMS}
APART = np.zeros((4, 3), bool)  # input 0 leads to output 0, the others to the others
APART[0, 0] = APART[1:, 1:] = True


@pytest.mark.parametrize("kind", FORMS)
def test_one_function_makes_one_graph(kind: str) -> None:
    forms = FORMS[kind]
    net, native = around(*forms.values()), around(*[forms["torch"]] * len(forms))
    graph, expected = (trace(x, torch.zeros(1, 4)) for x in (net, native))
    same_graph(graph, expected)
    assert sum(x.n_units for x in graph.layers) == 4 + len(forms) * (D + 3 + 3)
    assert np.array_equal(pair_weights(graph.pattern) > 0, np.tile(APART, len(forms)))
    assert fidelity(net, graph, torch.zeros(1, 4), rng=0).max_error < 1e-7


@pytest.mark.parametrize("kind", FORMS)
def test_dense_norms_have_the_paths_of_the_derivative(kind: str) -> None:
    forms = list(FORMS[kind].values())[:3]
    net = around(*forms)
    graph = trace(net, torch.zeros(1, 4), norms="dense")
    native = traced(*forms[:1] * 3, norms="dense")
    assert [x.n_units for x in graph.layers] == [x.n_units for x in native.layers]
    assert [x.n_units for x in graph.layers] == [4, *[D, 1, D, 3] * 3, 9]
    np.testing.assert_allclose(graph.weights.data, native.weights.data, rtol=1e-5)
    assert fidelity(net, graph, torch.zeros(1, 4), rng=0).max_error < 1e-7
    assert moved(net.double()).all()
    assert (pair_weights(graph.pattern) > 0).all()


def test_what_couples_units_without_normalising_keeps_its_edges() -> None:
    net = around(*NOT_NORMS.values())
    graph = trace(net, torch.zeros(1, 4))
    assert np.array_equal(pair_weights(graph.pattern) > 0, moved(net.double()))
    assert not trace_step(graph)["factors"]


def test_norms_that_are_not_folded_leave_weights_as_they_are() -> None:
    net = around(LAYER_NORMS["torch"], LAYER_NORMS["deviation"], RMS_NORMS["length"])
    graph = trace(net, torch.zeros(1, 4), fold_norms=False)
    for call in ("", " (2)", " (3)"):
        into, out_of = (f"{name}{call}" for name in ("first", "last"))
        assert np.array_equal(graph.block("input", into).toarray(), net.first.weight.detach().T)
        assert np.array_equal(graph.block(into, out_of).toarray(), net.last.weight.detach().T)


def test_a_statistic_that_is_used_elsewhere_stays() -> None:
    def norm(net: Function, x: Tensor) -> Tensor:
        away = centred(x)
        return net.gamma * scaled(away) + 0.1 * away

    graph = traced(norm)
    assert (pair_weights(graph.pattern) > 0).all()  # the difference from the mean couples units
    assert "normalisation" in trace_step(graph)["factors"]


def trace_step(graph: NetGraph) -> dict[str, object]:
    return dict(graph.provenance[0].parameters)


def grouped(net: Function, x: Tensor) -> Tensor:
    groups = x.view(len(x), 2, -1)
    variance, middle = torch.var_mean(groups, -1, keepdim=True, correction=0)
    return ((groups - middle) / (variance + EPS).sqrt()).view(x.shape) * net.g.view(1, -1, 1, 1)


def by_channel(net: Function, x: Tensor) -> Tensor:
    away = x - x.mean(1, keepdim=True)
    return net.g[:, None, None] * (away / torch.sqrt(away.pow(2).mean(1, keepdim=True) + EPS))


def alone(net: Function, x: Tensor) -> Tensor:
    away = x - x.mean((2, 3), keepdim=True)
    return away / torch.sqrt(away.pow(2).mean((2, 3), keepdim=True) + EPS) * net.g.view(-1, 1, 1)


@pytest.mark.parametrize(
    ("by_hand", "native", "n_statistics"),
    [
        (grouped, lambda net, x: functional.group_norm(x, 2, net.g, eps=EPS), 2),
        (
            by_channel,
            lambda net, x: functional.layer_norm(
                x.permute(0, 2, 3, 1), (6,), net.g, eps=EPS
            ).permute(0, 3, 1, 2),
            1,
        ),
        (alone, lambda net, x: functional.instance_norm(x, weight=net.g, eps=EPS), 0),
    ],
    ids=["group", "layer of channels", "instance"],
)
def test_norms_of_channels(by_hand: Norm, native: Norm, n_statistics: int) -> None:
    torch.manual_seed(0)
    conv, gamma, last = nn.Conv2d(2, 6, 3), nn.Parameter(torch.randn(6)), nn.Conv2d(6, 2, 1)
    nets = [
        Function(lambda net, x, f=f: net.last(f(net, net.conv(x))), conv=conv, g=gamma, last=last)
        for f in (by_hand, native)
    ]
    example = torch.zeros(1, 2, 6, 6)
    same_graph(*(trace(net, example) for net in nets))
    dense = [trace(net, example, norms="dense") for net in nets]
    meeting = [n_statistics, 6] if n_statistics else []  # one channel's own statistics: none
    assert [[x.n_units for x in graph.layers] for graph in dense] == [[2, 6, *meeting, 2]] * 2
    assert fidelity(nets[0], dense[0], example, rng=0).max_error < 1e-7


def test_batch_norm_of_its_own_statistics_by_hand() -> None:
    def norm(net: Function, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / torch.sqrt(x.var(0, correction=0) + EPS) * net.gamma + net.beta

    net = around(norm)
    for norms in ("scale", "dense"):  # the units of all samples are the same
        graph = trace(net, torch.zeros(3, 4), norms=norms)
        same_graph(graph, traced(LAYER_NORMS["torch"]))


def test_programs_in_files_are_read_in_the_same_way(tmp_path: Path) -> None:
    net = around(RMS_NORMS["Llama"], LAYER_NORMS["squares"]).eval()
    program = torch.export.export(net, (torch.zeros(1, 4),))
    torch.export.save(program, tmp_path / "net.pt2")
    same_graph(netsculpt.load(tmp_path / "net.pt2"), trace(net, torch.zeros(1, 4)))


@pytest.mark.parametrize(("size", "tried"), [(2, True), ((1 << 21) + 1, False)])
def test_activations_too_large_to_try_stay_as_they_are_written(size: int, tried: bool) -> None:
    def norm(net: Function, x: Tensor) -> Tensor:
        wide = x[:, None].expand(-1, size, -1)  # takes no memory
        return (wide / wide.abs().amax(-1, keepdim=True))[:, 0]

    program = with_norms(exported(around(norm), (torch.zeros(1, 4),)))
    assert any(op.name == "normalisation" for op in program.ops) == tried


def test_norms_takes_two_words() -> None:
    with pytest.raises(GraphError, match="norms is 'thick': one of scale, dense is needed"):
        traced(RMS_NORMS["torch"], norms="thick")


def batch_norm(size: int, *off: int, beta: float = 0.0, kind: type = nn.BatchNorm1d) -> nn.Module:
    """A norm that switches some units off: γ = 0."""
    norm, generator = kind(size), torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias):
            tensor.copy_(torch.randn(size, generator=generator))
        if hasattr(norm, "running_var"):
            norm.running_var.copy_(torch.rand(size, generator=generator) + 0.5)
        norm.weight[list(off)], norm.bias[list(off)] = 0, beta
    return norm


@pytest.mark.parametrize(
    ("order", "fold_norms", "beta"),
    [("before", True, 0.0), ("before", True, 1.5), ("after", True, 1.5), ("after", False, 0.0)],
)
def test_units_that_a_norm_switches_off_are_dead(order: str, fold_norms: bool, beta: float) -> None:
    norm = [batch_norm(6, 1, 4, beta=beta), nn.ReLU()]
    middle = norm if order == "before" else norm[::-1]
    net = nn.Sequential(nn.Linear(4, 6), *middle, nn.Linear(6, 3))
    graph = trace(net, torch.zeros(1, 4), fold_norms=fold_norms)
    live = graph.live()
    assert live.positions[live.layer("0").units].tolist() == [0, 2, 3, 5]
    assert dict(live.provenance[-1].parameters) == {"dropped_units": 2}
    assert trace_step(graph)["constant_units"] == {"0": 2}
    assert trace_step(graph)["constant_weights"] == {"3": 2 * 3}  # 6 of all 4 · 6 + 6 · 3
    assert graph.n_parameters == 4 * 6 + 6 * 3 - 6
    assert np.array_equal(live.pattern.weights.sum(axis=1)[live.layer("0").units], [3.0] * 4)
    assert fidelity(net, graph, torch.zeros(1, 4), rng=0).max_error < 1e-7


def test_the_report_says_why_units_are_dead(capsys: pytest.CaptureFixture[str]) -> None:
    net = nn.Sequential(nn.Linear(4, 6), batch_norm(6, 1, 4), nn.ReLU(), nn.Linear(6, 3))
    graph = trace(net, torch.zeros(1, 4))
    print_report(analyze(graph, AnalysisPlan(n_nulls=0, n_seeds=0), rng=0))
    words = " ".join(capsys.readouterr().out.split())
    assert "11 of 13 units" in words
    assert "the other 2 units are on no path from input to output" in words
    assert "2 units are dead because a factor of 0, such as γ of their norm" in words


@pytest.mark.parametrize("kind", [nn.LayerNorm, nn.RMSNorm, "by hand", "a factor"])
def test_every_factor_of_0_switches_off(kind: type | str) -> None:
    torch.manual_seed(0)
    gamma = nn.Parameter(torch.tensor([1.0, 0, 2, -1, 0, 3]))
    if isinstance(kind, str):
        by_hand = {
            "by hand": lambda net, x: net.g * scaled(x),
            "a factor": lambda net, x: net.g * x,
        }
        norm: nn.Module = Function(by_hand[kind], g=gamma)
    else:
        norm = kind(6)
        norm.weight = gamma
    net = nn.Sequential(nn.Linear(4, 6), norm, nn.ReLU(), nn.Linear(6, 3))
    graph = trace(net, torch.zeros(1, 4))
    assert graph.live().positions[graph.live().layer("0").units].tolist() == [0, 2, 3, 5]
    assert trace_step(graph)["constant_units"] == {"0": 2}


def test_channels_that_are_switched_off() -> None:
    net = nn.Sequential(
        *(nn.Conv2d(2, 6, 3), batch_norm(6, 0, 5, kind=nn.BatchNorm2d), nn.ReLU()),
        *(nn.MaxPool2d(2), nn.Conv2d(6, 4, 1, groups=2), nn.Flatten(), nn.Linear(16, 3)),
    )
    example = torch.zeros(1, 2, 6, 6)
    live = trace(net, example).live()
    assert [x.n_units for x in live.layers] == [2, 4, 4, 3]
    spatial = trace(net, example, granularity="spatial").live()
    assert [x.n_units for x in spatial.layers][1:] == [4 * 16, 4 * 4, 16, 3]
    switched = [trace(net, example, granularity=x) for x in ("channel", "spatial")]
    assert [trace_step(x)["constant_units"] for x in switched] == [{"0": 2}, {"0": 2 * 16}]


def test_a_residual_branch_that_starts_at_0() -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        x = net.a(x)
        return net.c(x + net.norm(net.b(torch.relu(x))))

    net = Function(forward, a=nn.Linear(4, 6), b=nn.Linear(6, 6), norm=batch_norm(6, *range(6)),
                   c=nn.Linear(6, 2))  # fmt: skip
    graph = trace(net, torch.zeros(1, 4))
    assert trace_step(graph)["constant_units"] == {"b": 6}
    assert {x.name: x.n_units for x in graph.live().layers} == {
        "input": 4, "a": 6, "b": 0, "c": 2,
    }  # fmt: skip


def test_a_unit_that_is_switched_off_in_one_use_lives_on_in_another() -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        x = net.a(x)
        return net.c(x + net.b(torch.relu(net.norm(x))))

    net = Function(forward, a=nn.Linear(4, 6), b=nn.Linear(6, 6), norm=batch_norm(6, 0, 1),
                   c=nn.Linear(6, 2))  # fmt: skip
    graph = trace(net, torch.zeros(1, 4))
    assert "constant_units" not in trace_step(graph)
    assert graph.live().n_units == graph.n_units
    assert graph.block("a", "b").nnz == 4 * 6


def test_outputs_that_are_switched_off_keep_their_places() -> None:
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3), batch_norm(3, 1))
    graph = trace(net, torch.zeros(1, 4))
    assert [(x.name, x.role, x.n_units) for x in graph.layers][-1] == ("2", "output", 3)
    live = graph.live()
    assert live.positions[live.layer("2").units].tolist() == [0, 2]
    assert trace_step(graph)["constant_units"] == {"2": 1}
    assert fidelity(net, graph, torch.zeros(1, 4), rng=0).max_error < 1e-7
    net[3].weight.data.zero_()
    with pytest.raises(TopologyError, match="output does not depend on its inputs"):
        trace(net, torch.zeros(1, 4))


def test_one_of_several_outputs_is_always_the_same() -> None:
    net = Function(
        lambda net, x: (net.norm(net.b(net.a(x))), net.c(net.a(x))), a=nn.Linear(4, 5),
        b=nn.Linear(5, 3), norm=batch_norm(3, 0, 1, 2), c=nn.Linear(5, 2),
    )  # fmt: skip
    graph = trace(net, torch.zeros(1, 4))
    assert [x.name for x in graph.layers if x.role == "output"] == ["c"]
    assert trace_step(graph)["constant_units"] == {"b": 3}
    assert fidelity(net, graph, torch.zeros(1, 4), rng=0).max_error < 1e-7


@pytest.mark.parametrize(("convolutional", "last"), [(True, False), (True, True), (False, True)])
def test_a_state_dict_says_the_same_as_its_net(
    tmp_path: Path, convolutional: bool, last: bool
) -> None:
    torch.manual_seed(0)
    if convolutional:
        net = nn.Sequential(
            *(nn.Conv2d(3, 6, 3), batch_norm(6, 1, 2, kind=nn.BatchNorm2d), nn.ReLU()),
            *(nn.Conv2d(6, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5)),
        )
        example = torch.zeros(1, 3, 6, 6)
    else:
        net = nn.Sequential(nn.Linear(4, 6), batch_norm(6, 1, 2), nn.ReLU(), nn.Linear(6, 5))
        example = torch.zeros(1, 4)
    if last:
        net.append(batch_norm(5, 0))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    loaded, graph = netsculpt.load(tmp_path / "net.pt"), trace(net, example)
    assert np.array_equal(loaded.weights.indices, graph.weights.indices)
    np.testing.assert_allclose(loaded.weights.data, graph.weights.data, rtol=1e-6)
    assert loaded.live().provenance[-1].parameters == graph.live().provenance[-1].parameters
    assert (loaded.density, loaded.n_parameters) == (graph.density, graph.n_parameters)
    assert sum(trace_step(loaded)["constant_units"].values()) == 2 + last
