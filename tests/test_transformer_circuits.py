"""Circuits of transformers: ablations written out, edges counted one by one, a planted circuit."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from netsculpt.core.errors import FormatError
from netsculpt.nets import mask_net
from netsculpt.nets.families import SparseGPT, initial_net
from netsculpt.nets.gpt.net import GPT
from netsculpt.training.fitting.recipe import Recipe
from netsculpt.training.influence.circuits import (
    ABLATIONS,
    Circuit,
    circuit,
    circuit_graph,
    circuits,
    scores,
)
from netsculpt.training.influence.circuits.ablating import ablated, fills_of, places_of
from netsculpt.training.influence.circuits.channels import channels_of
from netsculpt.training.influence.circuits.cutting import cuts
from netsculpt.training.influence.circuits.edges import ends_of, n_edges
from netsculpt.training.influence.circuits.outcome import outcome
from netsculpt.training.influence.circuits.traced import traced
from netsculpt.training.tasks import Bits, NextToken, Task, hold_out

SPEC = SparseGPT(vocabulary=9, positions=5, width=6, layers=1, heads=2, mlp_width=7)
RECIPE = Recipe(epochs=12, batch_size=64, learning_rate=0.15)


def drawn() -> Any:
    """A net whose MLP writes nothing."""
    net = initial_net(SPEC, rng=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        mlp = net.get_submodule("transformer.h.0.mlp.c_proj")
        for parameter in mlp.parameters():
            parameter.zero_()
    return net.eval()


def own_answers(net: GPT, n: int = 512) -> Task:
    """The task that a net does with accuracy 1: to say what it says."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randint(SPEC.vocabulary, (n, SPEC.positions), generator=generator).float()
    goal = NextToken(SPEC.vocabulary, (1, 2))
    with torch.no_grad():
        return hold_out(Task("own", inputs, goal.answers(net(inputs)), goal), 0.5, rng=0)


@pytest.fixture(scope="module")
def found() -> Circuit:
    net = drawn()
    score = partial(scores.learned, recipe=RECIPE)
    return circuit(net, own_answers(net), score=score, loss=0.4, rng=0)


def whole(net: GPT, value: float) -> dict[str, torch.Tensor]:
    return {
        name: torch.full((x.shape[-1],), value)
        for name, x in fills_of(net, "zero", torch.zeros(1, 5), np.random.default_rng(0)).items()
    }


def test_open_gates_change_nothing_and_closed_ones_leave_the_embedding() -> None:
    net, inputs = drawn(), own_answers(drawn()).inputs[:8]
    nothing = whole(net, 0.0)
    with ablated(net, whole(net, 1.0), nothing):
        assert torch.equal(net(inputs), net(inputs))
        opened = net(inputs)
    assert torch.equal(opened, net(inputs))
    with ablated(net, nothing, nothing):
        closed = net(inputs)
    transformer: Any = net.transformer
    stream = transformer["wte"](inputs.long()) + transformer["wpe"].weight
    torch.testing.assert_close(closed, net.lm_head(transformer["ln_f"](stream))[:, -1])
    assert not torch.allclose(closed, opened)
    assert torch.equal(net(inputs), opened)  # no hook is left


def test_fills_by_definition() -> None:
    net, inputs, rng = drawn(), own_answers(drawn()).inputs[:6], np.random.default_rng(3)
    taken: dict[str, torch.Tensor] = {}
    for name, place in places_of(net).items():
        place.register_forward_hook(lambda _l, _i, x, name=name: taken.update({name: x}))
    net(inputs)
    values = {name: x.clone() for name, x in taken.items()}
    means = fills_of(net, "mean", inputs, rng)
    resampled = fills_of(net, "resample", inputs, rng)
    order = np.random.default_rng(3).permutation(6)
    for name, x in values.items():
        torch.testing.assert_close(means[name], x.reshape(-1, x.shape[-1]).mean(0))
        torch.testing.assert_close(resampled[name], x[order])


def test_edges_counted_one_by_one() -> None:
    net, rng = drawn(), np.random.default_rng(0)
    kept = {name: rng.random(len(x)) < 0.5 for name, x in whole(net, 0.0).items()}
    at = "transformer.h.0."
    masks = {
        f"{at}{x}.weight": torch.from_numpy(
            rng.random(net.get_parameter(f"{at}{x}.weight").shape) < 0.6
        )
        for x in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    }
    mask_net(net, masks)
    count = 0
    for layer, source, targets in (
        ("attn.c_attn", "attn.at.attn_in", ("attn.at.attn_q", "attn.at.attn_k", "attn.at.attn_v")),
        ("attn.c_proj", "attn.at.attn_v", ("attn.at.attn_out",)),
        ("mlp.c_fc", "mlp.at.mlp_in", ("mlp.at.mlp_neuron",)),
        ("mlp.c_proj", "mlp.at.mlp_neuron", ("mlp.at.mlp_out",)),
    ):
        into = [x for target in targets for x in kept[at + target]]
        for row, write in enumerate(into):
            for column, read in enumerate(kept[at + source]):
                count += bool(write and read and masks[f"{at}{layer}.weight"][row, column])
    assert n_edges(net, kept) == count > 0


def test_planted_circuit(found: Circuit) -> None:
    for place in ("mlp_in", "mlp_neuron", "mlp_out"):
        assert not found.kept[f"transformer.h.0.mlp.at.{place}"].any()
    assert 0 < found.n_nodes < found.n_nodes_of_net
    assert found.reached
    assert found.whole_accuracy == 1
    assert found.accuracy["mean"] > 0.8
    assert found.accuracy["mean"] > np.mean(found.random_accuracy["mean"])
    assert 0 < found.n_edges < found.n_edges_of_net


def test_the_loss_that_was_asked_for_is_kept() -> None:
    net = drawn()
    task = own_answers(net)
    cut = circuit(net, task, score=scores.random, loss=0.4, ablation="zero", control=False, rng=0)
    assert outcome(net, task, cut.kept, whole(net, 0.0))[0] <= 0.4


def test_smaller_circuits_are_cut_out_of_larger_ones() -> None:
    net = drawn()
    task = own_answers(net, 128)
    cut = circuits(net, task, [0.3, 0.6], score=scores.random, control=False, rng=0)
    assert all(x.reached for x in cut)
    for place, mask in cut[1].kept.items():
        assert not (mask & ~cut[0].kept[place]).any()
    assert cut[1].n_nodes < cut[0].n_nodes


def test_a_loss_out_of_reach_is_said() -> None:
    net = drawn()
    cut = circuit(net, own_answers(net, 64), score=scores.random, loss=0, control=False, rng=0)
    assert not cut.reached


def test_cuts_find_what_is_needed() -> None:
    rng = np.random.default_rng(0)
    needed = rng.random(40) < 0.2
    evaluated = 0

    def loss_of(kept: Any) -> float:
        nonlocal evaluated
        evaluated += 1
        return float((needed & ~kept).sum())

    exact, looser = cuts(rng.random(40), loss_of, [0.0, 2.0])
    assert np.array_equal(exact.kept, needed)
    assert looser.kept.sum() == needed.sum() - 2
    assert evaluated < 2 * 40
    best = cuts(rng.random(40), lambda kept: 1.0 + abs(int(kept.sum()) - 10), [0.5])[0]
    assert not best.reached
    assert (best.loss, best.kept.sum()) == (1, 10)  # a quarter of them


@pytest.fixture(scope="module")
def sparse() -> Any:
    """A net with masks and sinks."""
    net = initial_net(replace(SPEC, sinks=True, tied=False), rng=0)
    generator = torch.Generator().manual_seed(3)
    masks = {
        name: torch.rand(x.shape, generator=generator) < (0.8 if "wte" in name else 0.3)
        for name, x in net.named_parameters()
        if x.ndim == 2
    }
    mask_net(net, masks)
    return net


def test_path_shares_are_counted_path_by_path(sparse: Any) -> None:
    """Depth first through the graph, where a channel is a set of edges."""
    task = own_answers(drawn(), 8)
    where = traced(sparse, task)
    graph = where.graph
    weights, ends = graph.balanced.weights, set(graph.outputs.tolist())
    assert graph.positions is not None
    chosen = {u for u in ends if graph.positions[u] in (1, 2)}
    through = np.zeros(graph.n_edges)
    total = 0.0

    def walk(unit: int, path: list[int], weight: float) -> None:
        nonlocal total
        if unit in ends:
            if unit in chosen:
                through[path] += weight
                total += weight
            return
        for edge in range(weights.indptr[unit], weights.indptr[unit + 1]):
            walk(int(weights.indices[edge]), [*path, edge], weight * weights.data[edge])

    for unit in graph.inputs.tolist():
        walk(unit, [], 1.0)
    shares = scores.path_share(sparse, task)
    assert sum(x.sum() for x in shares.values()) > 0
    for place, expected in {**where.writes, **where.reads}.items():
        own = np.zeros(len(shares[place]))
        np.add.at(own, expected.channel, through[expected.edges] / total)
        np.testing.assert_allclose(shares[place], own, rtol=1e-6, atol=1e-12)


def test_channels_in_the_graph_are_those_of_the_weights(sparse: Any) -> None:
    """With all channels, the graph has the edges that the masks have, but those from constants."""
    task = own_answers(drawn(), 8)
    found = traced(sparse, task)
    for entry, (read, write) in ends_of(sparse):
        matrix = np.zeros(entry.parameter.shape, dtype=bool)
        block = next(x for x in found.graph.blocks if x.parameter == entry.name)
        edges = np.arange(found.graph.n_edges)[found.graph.block_edges(block.source, block.target)]
        rows, columns = np.full(found.graph.n_edges, -1), np.full(found.graph.n_edges, -1)
        first = 0
        for place in write:
            end = found.writes[place]
            own = np.isin(end.edges, edges)
            rows[end.edges[own]] = end.channel[own] + first
            first += matrix.shape[0] // len(write)
        columns[found.reads[read[0]].edges] = found.reads[read[0]].channel
        matrix[rows[edges], columns[edges]] = True
        assert entry.mask is not None
        assert not (matrix & ~entry.mask.numpy()).any()
        assert matrix.sum() == len(edges) > 0


def test_graph_of_a_circuit(sparse: Any) -> None:
    task = own_answers(drawn(), 8)
    rng = np.random.default_rng(1)
    sizes = channels_of(sparse, task.inputs).sizes
    everything = {name: np.ones(n, dtype=bool) for name, n in sizes.items()}
    kept = {name: rng.random(n) < 0.8 for name, n in sizes.items()}
    whole, part = (circuit_graph(sparse, task, x) for x in (everything, kept))
    assert part.n_edges < whole.n_edges
    assert part.provenance[-2].function == "circuit"
    outputs = part.positions[part.outputs]  # type: ignore[index]
    assert set(outputs.tolist()) <= {1, 2}
    parameters = {x.parameter for x in part.blocks} & {x.name for x, _ in ends_of(sparse)}
    n_within = sum(
        part.block(x.source, x.target).nnz for x in part.blocks if x.parameter in parameters
    )
    assert 0 < n_within <= n_edges(sparse, kept)


def test_result_is_complete(found: Circuit) -> None:
    assert found.table()["ablation"].tolist() == list(ABLATIONS)
    assert found.control is not None
    assert found.summary()["control"]["n_nodes"] == found.control.n_nodes
    assert {len(x) for x in found.random_accuracy.values()} == {10}
    assert found.places()["kept"].sum() == found.channels()["kept"].sum() == found.n_nodes


def test_same_seed_same_circuit_and_the_net_is_left_alone() -> None:
    net = drawn()
    before = {name: x.clone() for name, x in net.state_dict().items()}
    score = partial(scores.learned, recipe=replace(RECIPE, epochs=1))
    task = own_answers(net, 64)
    a, b = (circuit(net, task, score=score, loss=0.5, control=False, rng=5) for _ in range(2))
    assert a.summary() == b.summary()
    assert all(torch.equal(x, before[name]) for name, x in net.state_dict().items())
    assert all(x.requires_grad and x.grad is None for x in net.parameters())


def test_what_is_refused() -> None:
    net = drawn()
    task = own_answers(net, 16)
    other: Any = nn.Linear(5, 9)
    with pytest.raises(FormatError, match="nets of the family sparse_gpt"):
        circuit(other, task)
    with pytest.raises(FormatError, match="one of zero, mean, resample"):
        circuit(net, task, ablation="median")
    with pytest.raises(FormatError, match="ascending"):
        circuits(net, task, [0.5, 0.1])
    bits = Task("bits", task.inputs, 0.0 * task.targets.float(), Bits(1))
    with pytest.raises(FormatError, match="not a choice between next tokens"):
        circuit(net, bits)


def test_wrong_scores_and_masks_are_refused() -> None:
    net = drawn()
    task = own_answers(net, 64)
    with pytest.raises(FormatError, match="score 'learned' is not a function"):
        circuit(net, task, score="learned")  # type: ignore[arg-type]
    found = circuit(net, task, score=scores.path_share, loss=9.0, control=False, rng=0)
    place = next(iter(found.kept))
    for kept in ({}, {"foo": np.ones(8, bool)}, {**found.kept, place: np.arange(3)}):
        with pytest.raises(FormatError, match="no boolean mask of the channels of"):
            circuit_graph(net, task, kept)
