"""Operations of models that people have: routing, message passing, statistics, noise."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsculpt.core.errors import TopologyError
from netsculpt.tracing import fidelity, trace
from netsculpt.tracing.options import Granularity
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function, same, widths

T, D, H = 3, 6, 5
X = torch.zeros(1, T, D)
NODES = torch.tensor([[0, 1, 2, 2], [1, 0, 2, 1]])  # an edge from each of the first to the second


def layers() -> dict[str, nn.Linear]:
    """A sparse layer, so that paths are told apart, and a dense one."""
    torch.manual_seed(0)
    made = {"a": nn.Linear(D, H, bias=False), "b": nn.Linear(H, 4, bias=False)}
    with torch.no_grad():
        made["a"].weight[torch.rand(H, D) < 0.6] = 0
        made["b"].weight[torch.rand(4, H) < 0.6] = 0
    return made


def largest_by_size(net: Function, x: Tensor) -> Tensor:
    """Keep the elements that are largest in absolute value, as weight-sparse GPTs do."""
    h = net.a(x)
    at = h.abs().topk(3, dim=-1).indices
    return net.b(torch.zeros_like(h).scatter(-1, at, h.gather(-1, at)))


def largest(net: Function, x: Tensor) -> Tensor:
    values, at = (h := net.a(x)).topk(3)
    return net.b(torch.zeros_like(h).scatter_(-1, at, values.relu()))


def largest_by_mask(net: Function, x: Tensor) -> Tensor:
    at = (h := net.a(x)).topk(3, dim=-1)[1]
    return net.b(h * torch.zeros_like(h).scatter(-1, at, 1.0))


def largest_of_sorted(net: Function, x: Tensor) -> Tensor:
    values, at = (h := net.a(x)).sort(dim=-1, descending=True)
    return net.b(torch.zeros_like(h).scatter(-1, at, values))


@pytest.mark.parametrize("forward", [largest, largest_by_size, largest_by_mask, largest_of_sorted])
def test_activations_that_keep_the_largest_are_functions_of_their_units(
    forward: Callable[..., Tensor],
) -> None:
    parts = layers()
    net = Function(forward, **parts)
    plain = Function(lambda net, x: net.b(net.a(x).relu()), **parts)
    for granularity in ("channel", "spatial"):
        graph = trace(net, X, granularity=granularity)
        same(graph, trace(plain, X, granularity=granularity))
        noted = graph.provenance[-1].parameters["left_out"]
        assert any("depends on values" in x for x in noted.values())


JACOBIANS: dict[str, Callable[..., Tensor]] = {
    "softmax inside": lambda net, x: net.b(net.a(x).softmax(-1)),
    "log-softmax inside": lambda net, x: net.b(net.a(x).log_softmax(-1)),
    "cumsum over positions": lambda net, x: net.b(net.a(x).cumsum(1)),
    "cumsum over units": lambda net, x: net.b(net.a(x).cumsum(-1)),
    "cumsum of scaled units": lambda net, x: net.b((net.a(x) * 2).cumsum(-1)),
    "addcmul": lambda net, x: torch.addcmul(net.a(x), net.a(x), net.a(x).sigmoid(), value=0.5),
    "addcdiv": lambda net, x: torch.addcdiv(net.a(x), net.a(x), 2 + net.a(x).tanh(), value=2.0),
    "addmm": lambda net, x: net.b(
        torch.addmm(net.a(x)[0], x[0], net.a.weight.T, beta=0.5, alpha=2.0)[None]
    ),
    "baddbmm": lambda net, x: torch.baddbmm(net.a(x), x, net.w, beta=0.5, alpha=2.0),
    "std": lambda net, x: net.a(x) - net.a(x).std(-1, keepdim=True),
    "var over positions": lambda net, x: net.b(net.a(x).var(1, keepdim=True)),
    "vector norm": lambda net, x: net.a(x) + torch.linalg.vector_norm(net.a(x), dim=-1)[..., None],
    "cosine": lambda net, x: functional.cosine_similarity(
        net.a(x)[..., :2], net.a(x)[..., 2:4], dim=-1
    )[..., None],
    "type_as": lambda net, x: net.b(net.a(x).type_as(x)),
    "expand_as": lambda net, x: net.a(x)[..., :1].expand_as(net.a(x)) * net.a(x),
    "index_add": lambda net, x: net.b(
        x.new_zeros(1, T, H).index_add(1, net.ends, net.a(x)[:, net.starts]).tanh()
    ),
    "scatter_add": lambda net, x: net.b(
        x.new_zeros(1, T, H).scatter_add(
            1, net.ends[None, :, None].expand(1, -1, H), net.a(x)[:, net.starts]
        )
    ),
    "index_add to what is there": lambda net, x: (h := net.a(x)).index_add(
        1, net.ends, h[:, net.starts]
    ),
    "index_put": lambda net, x: (h := net.a(x)).index_put(
        (torch.tensor([0]), torch.tensor([2])), h[:, 0], accumulate=True
    ),
    "index_copy": lambda net, x: (h := net.a(x)).index_copy(1, net.ends[:1], h[:, :1] * 2),
    "flipped sign": lambda net, x: net.b(-net.a(x)),
    "Fourier over units": lambda net, x: torch.fft.fft(net.a(x), dim=-1).real,
    "Fourier over positions": lambda net, x: net.b(torch.fft.rfft(net.a(x), dim=1).abs()),
    "a power of two units": lambda net, x: net.b(net.a(x).abs().add(1) ** net.a(x)),
    "sampled": lambda net, x: net.b(net.a(x) + torch.randn_like(net.a(x)) * 0),
}


@pytest.mark.parametrize("name", JACOBIANS)
def test_operations_have_the_paths_of_their_jacobian(name: str) -> None:
    net = Function(JACOBIANS[name], w=nn.Parameter(torch.eye(D, H)[None]), starts=NODES[0],
                   ends=NODES[1], **layers())  # fmt: skip
    graph, spatial = (trace(net, X, granularity=x) for x in ("channel", "spatial"))
    assert np.array_equal(paths_exist(graph), moves(net, X, channels=-1))
    assert np.array_equal(paths_exist(spatial), moves(net, X))


def added(net: Function, x: Tensor, *, alpha: float, beta: float) -> Tensor:
    return torch.addmm(net.c, x, net.w, alpha=alpha, beta=beta)


@pytest.mark.parametrize("first", [nn.Identity(), nn.Conv2d(5, 5, 3)])
def test_response_norms_keep_channels_and_couple_neighbours(first: nn.Module) -> None:
    net = nn.Sequential(first, nn.LocalResponseNorm(3), nn.Conv2d(5, 5, 1, groups=5))
    example = torch.randn(1, 5, 6, 6)
    graph = trace(net, example)
    before = "0" if "0" in widths(graph) else "input"
    near = abs(np.subtract.outer(range(5), range(5))) < 2
    assert set(widths(graph).values()) == {5}
    assert np.allclose(graph.block(before, "1.avg_pool3d").toarray(), near / 3)
    assert np.array_equal(graph.block(before, "1.div").toarray(), np.eye(5))
    assert np.array_equal(paths_exist(graph), moves(net, example, channels=1))


def test_windows_along_the_depth_of_a_channel_keep_the_channel() -> None:
    net = nn.Sequential(nn.Conv3d(1, 1, 1), nn.AvgPool3d((2, 1, 1), 1), nn.Conv3d(1, 4, 3))
    assert widths(trace(net, torch.randn(1, 1, 6, 6, 6))) == {"input": 1, "0": 1, "2": 4}


def test_alpha_multiplies_the_edges_of_the_product() -> None:
    weight = nn.Parameter(torch.randn(D, H))
    for alpha, beta in ((2.0, 0.5), (-1.0, 0.0)):
        forward = partial(added, alpha=alpha, beta=beta)
        net = Function(forward, c=nn.Parameter(torch.rand(H)), w=weight)
        graph = trace(net, X[:, 0])
        assert np.allclose(graph.weights.data, alpha * weight.detach().numpy().ravel())
        assert fidelity(net, graph, X[:, 0], rng=0).max_error < 1e-5


def test_ranks_of_a_line_are_fed_by_all_of_it() -> None:
    net = Function(lambda net, x: net.a(x).topk(2, dim=-1).values, **layers())
    graph = trace(net, X)
    assert graph.block("a", "topk").toarray().tolist() == [[1, 1]] * H
    net = Function(lambda net, x: net.b(net.a(x).topk(2, dim=1).values.mean(1)), **layers())
    assert widths(trace(net, X)) == {"input": D, "a": H, "b": 4}


def routed(net: Function, x: Tensor) -> Tensor:
    """As in Mixtral, with every expert run: gates of the two best, after their softmax."""
    gates, best = net.router(x).topk(2, dim=-1)
    gates = gates.softmax(-1)
    return sum(
        ((gates * (best == number)).sum(-1, keepdim=True) * expert(x))
        for number, expert in enumerate(net.experts)
    )


def routed_by_scatter(net: Function, x: Tensor) -> Tensor:
    shares = net.router(x).softmax(-1)
    gates, best = shares.topk(2, dim=-1)
    gates = torch.zeros_like(shares).scatter(-1, best, gates / gates.sum(-1, keepdim=True))
    return sum(f(x) * gates[..., [i]] for i, f in enumerate(net.experts))


def routed_by_one_hot(net: Function, x: Tensor) -> Tensor:
    scores = net.router(x).softmax(-1)
    chosen = functional.one_hot(scores.argmax(-1), 3).to(x.dtype)
    gate = (scores * chosen).sum(-1, keepdim=True)
    return sum(chosen[..., [i]] * gate * f(x) for i, f in enumerate(net.experts))


@pytest.mark.parametrize("forward", [routed, routed_by_scatter, routed_by_one_hot])
def test_mixtures_of_experts_are_fed_by_experts_and_router(forward: Callable[..., Tensor]) -> None:
    experts = nn.ModuleList([nn.Linear(D, 4, bias=False) for _ in range(3)])
    with torch.no_grad():
        for expert in experts:  # two inputs are for the router alone
            expert.weight[:, :2] = 0
    net = Function(forward, router=nn.Linear(D, 3, bias=False), experts=experts)
    graph = trace(net, X)
    assert paths_exist(graph).all()
    assert not graph.block("input", "experts.0").toarray()[:2].any()
    names = [x.name for x in graph.layers]
    assert names.index("router") < names.index("experts.0")
    assert fidelity(net, graph, X, rng=0).max_error < 1e-5


def by_edges(net: Function, x: Tensor, edges: Tensor) -> Tensor:
    """A graph convolution whose edges are an input: [nodes, D] and [2, edges]."""
    of, to = edges[0], edges[1]
    degree = torch.zeros(len(x)).scatter_add(0, to, torch.ones(edges.shape[1]))
    scale = degree.pow(-0.5)
    scale = scale.masked_fill(scale == torch.inf, 0)
    messages = net.a(x)[of] * (scale[of] * scale[to])[:, None]
    return net.b(torch.zeros(len(x), H).index_add(0, to, messages).relu())


def test_message_passing_over_edges_that_are_an_input_keeps_channels() -> None:
    parts = layers()
    graph = trace(Function(by_edges, **parts), (X[0], NODES))
    plain = trace(Function(lambda net, x: net.b(net.a(x).relu()), **parts), X[0])
    assert np.array_equal(paths_exist(graph)[:D], paths_exist(plain))
    assert not paths_exist(graph)[D:].any()
    assert {x.parameter for x in graph.blocks} == {"a.weight", "b.weight"}
    assert "index" in graph.provenance[-1].parameters["left_out"]


def test_a_sample_of_a_variational_encoder_moves_with_mean_and_spread() -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        mean, spread = net.mean(x), net.spread(x)
        return net.b(mean + torch.randn_like(spread) * (0.5 * spread).exp())

    net = Function(forward, mean=nn.Linear(D, H), spread=nn.Linear(D, H), b=nn.Linear(H, D))
    graph = trace(net, X[:, 0])
    assert {x.source for x in graph.blocks if x.target == "add"} == {"mean", "spread"}
    assert fidelity(net, graph, X[:, 0], rng=0).max_error < 1e-5
    assert graph.provenance[-1].parameters["left_out"] == {
        "randn_like": "it draws random numbers, which come from no unit"
    }


def test_one_hot_tokens_are_the_units_of_an_embedding() -> None:
    table = nn.Linear(7, H, bias=False)
    ids = torch.zeros(1, T, dtype=torch.int64)
    net = Function(lambda net, x: net.a(functional.one_hot(x, 7).float()), a=table)
    graph = trace(net, ids)
    assert np.array_equal(graph.block("input", "a").toarray(), table.weight.detach().numpy().T)
    looked_up = Function(lambda net, x: net.t[x], t=nn.Parameter(table.weight.T.clone()))
    assert np.array_equal(trace(looked_up, ids).weights.data, graph.weights.data)


def test_bilinear_forms_meet_in_pairs_of_units() -> None:
    net = Function(lambda net, x, y: net.form(x, y), form=nn.Bilinear(2, 3, 4, bias=False))
    examples = (torch.zeros(1, 2), torch.zeros(1, 3))
    graph = trace(net, examples)
    assert widths(graph)["form.bilinear.pairs"] == 6
    expected = net.form.weight.detach().flatten(1).T.numpy()
    assert np.array_equal(graph.block("form.bilinear.pairs", "form").toarray(), expected)
    assert fidelity(net, graph, examples, rng=0).max_error < 1e-5


def test_sampled_pictures_keep_channels_and_take_their_grid() -> None:
    def forward(net: Function, x: Tensor) -> Tensor:
        grid = functional.affine_grid(net.where(x.mean((2, 3))).view(-1, 2, 3), [1, 2, 4, 4])
        return functional.grid_sample(net.conv(x), grid, mode="bicubic")

    net = Function(forward, conv=nn.Conv2d(2, 2, 1), where=nn.Linear(2, 6))
    picture = torch.zeros(1, 2, 4, 4)
    graph = trace(net, picture)
    assert np.array_equal(paths_exist(graph), np.ones((2, 2)))
    with pytest.raises(TopologyError, match="granularity='channel'"):
        trace(net, picture, granularity="spatial")


@pytest.mark.parametrize(
    ("mode", "size"), [("bicubic", (3, 5)), ("bicubic", (8, 2)), ("bilinear", (3, 5))]
)
def test_resized_elements_have_the_shares_of_their_jacobian(
    mode: str, size: tuple[int, int]
) -> None:
    net = Function(lambda _, x: functional.interpolate(x, size=size, mode=mode))
    picture = torch.zeros(1, 1, 4, 4)
    graph = trace(net, picture, granularity="spatial")
    jacobian = torch.autograd.functional.jacobian(net, picture).reshape(-1, 16).T.numpy()
    assert np.allclose(graph.weights[:16, 16:].toarray(), jacobian, atol=1e-6)


REFUSED: dict[str, tuple[Callable[..., Tensor], str]] = {
    "elements by a mask": (lambda net, x: net.a(x[x[..., 0] > 0]), "Multiply by the mask instead"),
    "experts by their tokens": (
        lambda net, x: torch.zeros(T, H).index_add(
            0, i := torch.where(net.a(x[0])[:, 0] > 0)[0], net.a(x[0][i])
        ),
        "Multiply by the mask instead|Write that part densely",
    ),
    "packed sequences": (
        lambda net, x: net.r(nn.utils.rnn.pack_padded_sequence(
            x.expand(2, -1, -1), torch.tensor([3, 2]), batch_first=True))[1],
        "with the padded sequence",
    ),
    "dropout": (lambda net, x: functional.dropout(net.a(x)), "at random in evaluation mode"),
    "the largest of all samples": (lambda net, x: net.a(x).argmax(), "name one dimension"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_stays_refused_says_what_to_do(name: str) -> None:
    forward, remedy = REFUSED[name]
    net = Function(forward, p=torch.rand(1, 2, H), r=nn.GRU(D, H, batch_first=True), **layers())
    with pytest.raises(TopologyError, match=remedy):
        trace(net, X)


DYNAMIC: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor], tuple[int, ...]]] = {
    "conv2d": (
        lambda net, x: functional.conv2d(x, net.k(x.mean((2, 3))).view(3, 2, 2, 2)),
        lambda net, x: (
            net.k(x.mean((2, 3))).view(-1, 3, 8) @ functional.unfold(x, 2)
        ).view(-1, 3, 3, 3),
        (1, 2, 4, 4),
    ),
    "conv1d": (
        lambda net, x: functional.conv1d(x, net.k(x.mean(2)).view(4, 2, 3)),
        lambda net, x: (
            net.k(x.mean(2)).view(-1, 4, 6) @ functional.unfold(x[:, :, None], (1, 3))
        ),
        (1, 2, 6),
    ),
    "linear": (
        lambda net, x: functional.linear(x, net.k(x).view(12, 2)),
        lambda net, x: torch.einsum("boi,bi->bo", net.k(x).view(-1, 12, 2), x),
        (1, 2),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DYNAMIC)
def test_weights_that_depend_on_the_input_are_refused_with_a_remedy_that_works(name: str) -> None:
    refused, remedied, shape = DYNAMIC[name]
    example, kernel = torch.zeros(shape), nn.Linear(2, 24)
    one, two = (Function(x, k=kernel) for x in (refused, remedied))
    with pytest.raises(TopologyError, match=r"depends on the net's inputs.*by matmul or einsum"):
        trace(one, example)
    given = torch.randn(shape)
    assert torch.allclose(one(given), two(given), atol=1e-5)  # the same function
    graph = trace(two, example, granularity="spatial")
    assert np.array_equal(paths_exist(graph), moves(two, example))


CIRCULANT: dict[str, Callable[..., Tensor]] = {
    "rfft": lambda net, x: torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(net.c), n=8),
    "fft": lambda net, x: torch.fft.ifft(torch.fft.fft(x) * torch.fft.fft(net.c)).real,
    "one that is hidden": lambda net, x: torch.fft.irfft(
        torch.fft.rfft(net.a(x)) * torch.fft.rfft(net.c), n=8
    ),
}


@pytest.mark.parametrize("name", CIRCULANT)
@pytest.mark.parametrize("head", [False, True])
def test_a_circulant_layer_has_a_unit_for_each_feature(name: str, head: bool) -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        return net.b(CIRCULANT[name](net, x).tanh()) if head else CIRCULANT[name](net, x)

    parts = {"c": nn.Parameter(torch.randn(8)), "a": nn.Linear(8, 8), "b": nn.Linear(8, 3)}
    net = Function(forward, **parts)
    one, two = (trace(net, torch.zeros(1, 8), granularity=x) for x in ("channel", "spatial"))
    assert (one.inputs.size, one.outputs.size) == (8, 3 if head else 8)
    assert np.array_equal(one.weights.indices, two.weights.indices)
    assert np.array_equal(paths_exist(one), moves(net, torch.zeros(1, 8)))


@pytest.mark.parametrize("reduced", ["mean", "amax", "norm"])
def test_features_that_are_reduced_stay_units(reduced: str) -> None:
    class Reduced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            reduced_x: torch.Tensor = self.fc(x) + getattr(x, reduced)(dim=-1, keepdim=True)
            return reduced_x

    graph = trace(Reduced(), torch.zeros(1, 6))
    assert (graph.inputs.size, graph.n_edges) == (6, 18 + 6 + 3 + 3)


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize(
    "forward",
    [
        lambda _, x: x.cumsum(1),
        lambda _, x: x.logcumsumexp(1),
        lambda net, x: x.new_zeros(1, 3).index_add(1, net.at, x),
        lambda net, x: x.new_zeros(1, 3).scatter_add(1, net.at[None], x),
    ],
)
def test_elements_of_a_vector_stay_apart_where_they_are_added(
    forward: Callable[..., Tensor], granularity: Granularity
) -> None:
    x = torch.zeros(1, 5)
    net = Function(forward, at=torch.tensor([1, 0, 1, 2, 2]))
    graph = trace(net, x, granularity=granularity)
    assert graph.layers[0].n_units == 5
    assert np.array_equal(paths_exist(graph), moves(net, x))
