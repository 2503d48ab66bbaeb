"""Streams: one label through the depth for every channel that identity wiring strings together."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from netsculpt import GraphError, NetGraph, Partition, from_matrices, planted
from netsculpt.graph.graph import WIRING, Block, Layer, live_units
from netsculpt.graph.streams import stream_edges, stream_labels, without_stream_edges
from netsculpt.modules import compare, layered, leiden, ncut, quality, spectral
from netsculpt.tracing import trace

GROUPS = 4

Net = Callable[[int], tuple[NetGraph, dict[str, np.ndarray]]]


def drawn(units: int, seed: int) -> np.ndarray:
    """Equal groups in random order [units]."""
    return np.random.default_rng(seed).permutation(np.arange(units) % GROUPS)


def cut(weight: Tensor, groups: np.ndarray, sources: np.ndarray, rng: np.random.Generator) -> None:
    """Keep half of the weights inside groups and a twentieth between them."""
    chance = np.where(groups[:, None] == sources, 0.5, 0.05)
    keep = torch.from_numpy(rng.random(chance.shape) < chance)
    with torch.no_grad():
        weight *= keep.reshape(*keep.shape, *[1] * (weight.ndim - 2))


class ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.norm(self.first(x)))))


@cache
def grouped_resnet(seed: int) -> tuple[NetGraph, dict[str, np.ndarray]]:
    """Three residual blocks of 24 channels in four hidden groups, and the group of each channel."""
    torch.manual_seed(seed)
    rng, width = np.random.default_rng(seed), 24
    blocks = [ResidualBlock(width) for _ in range(3)]
    net = nn.Sequential(nn.Conv2d(3, width, 3), *blocks, nn.Flatten(), nn.Linear(width * 36, 10))
    stream, truth = drawn(width, seed), {}
    for index, block in enumerate(blocks, start=1):
        hidden = drawn(width, 100 * seed + index)
        cut(block.first.weight, hidden, stream, rng)
        cut(block.second.weight, stream, hidden, rng)
        truth |= {f"{index}.first": hidden, f"{index}.second": stream, f"{index}.add": stream}
    return trace(net.eval(), torch.zeros(1, 3, 8, 8)), truth | {"0": stream}


class TransformerLayer(nn.Module):
    """Attention and an MLP, each added to the stream."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.q, self.k, self.v, self.o = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        y, shape = self.norms[0](x), (*x.shape[:2], GROUPS, -1)
        q, k, v = (part(y).reshape(shape).transpose(1, 2) for part in (self.q, self.k, self.v))
        heads = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2)
        x = x + self.o(heads.reshape(x.shape))
        return x + self.down(torch.relu(self.up(self.norms[1](x))))


@cache
def headed_transformer(seed: int) -> tuple[NetGraph, dict[str, np.ndarray]]:
    """Two layers whose heads read and write one of four hidden groups of residual channels each."""
    torch.manual_seed(seed)
    rng, width, hidden = np.random.default_rng(seed), 24, 32
    layers = [TransformerLayer(width, hidden) for _ in range(2)]
    net = nn.Sequential(nn.Linear(8, width), *layers, nn.Linear(width, 5))
    stream, truth = drawn(width, seed), {}
    for index, layer in enumerate(layers, start=1):
        order = np.random.default_rng(seed + index).permutation(GROUPS)
        head, inner = np.repeat(order, width // GROUPS), drawn(hidden, 100 * seed + index)
        for part in (layer.q, layer.k, layer.v):
            cut(part.weight, head, stream, rng)
        cut(layer.o.weight, stream, head, rng)
        cut(layer.up.weight, inner, stream, rng)
        cut(layer.down.weight, stream, inner, rng)
        truth |= {f"{index}.{name}": head for name in "qkv"}
        truth |= {f"{index}.pattern": order, f"{index}.heads": head, f"{index}.o": stream}
        truth |= {f"{index}.add": stream, f"{index}.up": inner, f"{index}.down": stream}
    return trace(net.eval(), torch.zeros(1, 6, 8)), truth | {"0": stream}


def planted_in(graph: NetGraph, truth: dict[str, np.ndarray]) -> Partition:
    """The group of each unit of these layers; none in the others."""
    labels = np.full(graph.n_units, -1)
    for name, groups in truth.items():
        layer = graph.layer(name)
        labels[layer.units] = groups  # of every unit of a traced layer, in order
    return Partition(np.where(live_units(graph), labels, -1))


@pytest.mark.parametrize("net", [grouped_resnet, headed_transformer])
@pytest.mark.parametrize("form", ["pattern", "magnitude"])
def test_planted_groups_of_residual_nets_are_found(net: Net, form: str) -> None:
    for seed in range(2):
        graph, groups = net(seed)
        truth = planted_in(graph, groups)
        assert set(np.unique(truth.labels)) == {-1, 0, 1, 2, 3}
        seen = without_stream_edges(getattr(graph, form))
        streams = stream_labels(graph)
        found = layered(seen, rng=0, together=streams)
        assert compare(found, truth).ari >= 0.9
        assert found.quality == quality(seen, found)
        members = (streams >= 0) & (found.labels >= 0)
        pairs = {*zip(streams[members], found.labels[members], strict=True)}
        assert len(pairs) == np.unique(streams[members]).size, "a stream is in one piece"


@pytest.mark.parametrize("detector", [leiden, partial(spectral, k=GROUPS)])
def test_every_detector_of_weights_can_hold_streams_together(
    detector: Callable[..., Partition],
) -> None:
    graph, groups = headed_transformer(0)
    truth, streams = planted_in(graph, groups), stream_labels(graph)
    seen = without_stream_edges(graph.pattern)
    found = detector(seen, rng=0, together=streams)
    assert compare(found, truth).ari >= 0.9
    members = (streams >= 0) & (found.labels >= 0)
    pairs = {*zip(streams[members], found.labels[members], strict=True)}
    assert len(pairs) == np.unique(streams[members]).size, "a stream is in one piece"


@pytest.mark.parametrize("detector", [layered, leiden, spectral])
def test_units_held_together_are_one_node(detector: Callable[..., Partition]) -> None:
    """Chains of two units each, wired one to one, are as good as the network without copies."""
    rng = np.random.default_rng(0)
    chance = np.kron(np.eye(3), np.full((3, 3), 0.9)) + 0.05
    first, last = (rng.random((9, 9)) < chance for _ in range(2))
    doubled = from_matrices([first, np.eye(9), last])
    single = from_matrices([first, last])
    copies = np.concatenate([np.full(9, -1), np.tile(np.arange(9), 2), np.full(9, -1)])
    weights = doubled.weights.data.copy()
    weights[doubled.block_edges("hidden1", "hidden2")] = 0
    found = detector(doubled.with_weights(weights), rng=0, together=copies).labels
    expected = detector(single, rng=0).labels
    rows = np.concatenate([np.arange(18), np.arange(27, 36)])
    assert len({*zip(found[rows], expected, strict=True)}) == np.unique(expected).size == 3
    assert (found[9:18] == found[18:27]).all()


@pytest.mark.parametrize("detector", [layered, leiden, spectral])
def test_together_is_one_label_per_unit(detector: Callable[..., Partition]) -> None:
    graph = from_matrices([np.eye(3), np.ones((2, 3))])
    with pytest.raises(GraphError, match="labels"):
        detector(graph, rng=0, together=[0, 0])


def test_edges_inside_a_node_count_in_its_volume_and_strengths() -> None:
    """Units held together that send each other weight: Q and n-cut are those of the units."""
    graph, truth = planted([6, 6, 6], 2, 0.9, 0.1, rng=0)
    held = np.random.default_rng(0).random(graph.n_units) < 0.4
    pairs = np.where(held, truth.labels, -1)  # several units of all layers, of each module
    for detector in (layered, leiden, spectral):
        found = detector(graph, rng=0, together=pairs)
        assert len({*zip(found.labels[pairs >= 0], pairs[pairs >= 0], strict=True)}) == 2
        worth = ncut if detector is spectral else quality
        assert found.quality == pytest.approx(worth(graph, found), abs=1e-12)
        assert compare(found, truth).ari == 1


def test_unit_by_unit_residual_channels_are_the_modules() -> None:
    """Why streams are needed: identity wiring hides the groups, and without it depth does."""
    graph, groups = headed_transformer(0)
    graph, truth = graph.magnitude, planted_in(graph, groups)
    assert compare(layered(graph, rng=0), truth).ari < 0.85
    assert compare(layered(without_stream_edges(graph), rng=0), truth).ari < 0.5


def test_streams_are_channels_through_the_depth() -> None:
    graph, _ = grouped_resnet(0)
    labels = stream_labels(graph)
    stem = labels[graph.layer("0").units]
    assert np.unique(stem).size == 24
    for name in ("1.second", "1.add", "2.second", "2.add", "3.second", "3.add"):
        assert (labels[graph.layer(name).units] == stem).all()
    for name in ("input", "1.first", "2.first", "3.first", graph.layers[-1].name):
        assert (labels[graph.layer(name).units] == -1).all()


def test_a_pattern_of_attention_is_no_stream_but_values_and_heads_are() -> None:
    graph, _ = headed_transformer(0)
    labels = stream_labels(graph)
    values, heads = (labels[graph.layer(f"1.{name}").units] for name in ("v", "heads"))
    assert (values == heads).all()
    assert np.unique(heads).size == 24
    for name in ("1.q", "1.k", "1.pattern", "1.up"):
        assert (labels[graph.layer(name).units] == -1).all()


class Stages(nn.Module):
    """A residual sum, a projection that makes a new stream, and a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.branch = nn.Linear(3, 4), nn.Linear(4, 4)
        self.shortcut, self.deeper = nn.Linear(4, 6), nn.Linear(4, 6)
        self.gate, self.out = nn.Linear(6, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x - 2 * self.branch(x)
        x = self.shortcut(x) + self.deeper(x)
        return self.out(x * self.gate(x))


def test_projections_begin_new_streams_and_factors_do_not() -> None:
    graph = trace(Stages().eval(), torch.zeros(1, 3))
    labels = stream_labels(graph)
    of = {layer.name: labels[layer.units].tolist() for layer in graph.layers}
    assert of["input"] == [-1] * 3
    assert of["out"] == [-1] * 2
    assert of["stem"] == of["branch"] == [0, 1, 2, 3]
    assert of["shortcut"] == of["deeper"] == of["gate"]
    assert sorted(of["gate"]) == [4, 5, 6, 7, 8, 9]
    assert labels.max() == 9


def random_wired(rng: np.random.Generator) -> NetGraph:
    """Layers of random width; wiring blocks are one to one, or not, at random."""
    widths = rng.integers(2, 6, size=5)
    bounds = np.concatenate([[0], np.cumsum(widths)])
    roles = ("input", "hidden", "junction", "junction", "output")
    layers = tuple(
        Layer(f"{i}", roles[i], (int(w),), int(bounds[i]), int(bounds[i + 1]))  # type: ignore[arg-type]
        for i, w in enumerate(widths)
    )
    matrix, blocks = np.zeros((bounds[-1], bounds[-1])), []
    for i in range(5):
        for j in range(i + 1, 5):
            kind = str(rng.choice([WIRING, "linear", "none"]))
            if kind == "none":
                continue
            part = np.zeros((widths[i], widths[j]))
            if kind == WIRING and rng.random() < 0.7:
                n = int(rng.integers(1, min(widths[i], widths[j]) + 1))
                part[rng.permutation(widths[i])[:n], rng.permutation(widths[j])[:n]] = 1
            else:
                part[rng.random(part.shape) < 0.4] = 0.7
            matrix[bounds[i] : bounds[i + 1], bounds[j] : bounds[j + 1]] = part
            blocks.append(Block(f"{i}", f"{j}", None, kind, 0))
    return NetGraph(csr_array(matrix), None, layers, tuple(blocks))


def test_streams_by_their_definition() -> None:
    """Follow the edges of one-to-one wiring blocks from unit to unit, in dense matrices."""
    rng = np.random.default_rng(0)
    for _ in range(40):
        graph = random_wired(rng)
        reach = np.eye(graph.n_units, dtype=bool)
        n_edges = 0
        for block in graph.blocks:
            part = graph.block(block.source, block.target).toarray() != 0
            one_to_one = part.sum(axis=0).max() <= 1 and part.sum(axis=1).max() <= 1
            if block.kind == WIRING and one_to_one:
                a, b = (graph.layer(name).units for name in (block.source, block.target))
                reach[a, b] |= part
                reach[b, a] |= part.T
                n_edges += int(part.sum())
        for _ in range(graph.n_units):
            reach = (reach.astype(int) @ reach.astype(int)) > 0
        labels = stream_labels(graph)
        assert ((labels >= 0) == (reach.sum(axis=0) > 1)).all()
        same = (labels[:, None] == labels) & (labels >= 0)
        assert (same | np.eye(graph.n_units, dtype=bool) == reach).all()
        chosen = stream_edges(graph)
        assert chosen.sum() == n_edges
        inside = labels[graph.sources[chosen]]
        assert (inside == labels[graph.weights.indices[chosen]]).all()
        assert (inside >= 0).all()
        cleared = without_stream_edges(graph)
        assert (cleared.weights.data == np.where(chosen, 0, graph.weights.data)).all()
        assert (live_units(cleared) == live_units(graph)).all()


def test_a_net_without_sums_has_no_stream() -> None:
    graph = from_matrices([np.eye(3), np.ones((2, 3))])
    assert stream_labels(graph).tolist() == [-1] * 8
    assert without_stream_edges(graph).weights.data.tolist() == graph.weights.data.tolist()
