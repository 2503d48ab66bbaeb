"""Embeddings and recurrent layers, compared with counts by hand, weight rows and Jacobians."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune
from traced_nets import Function, widths

from netsculpt.core.errors import TopologyError
from netsculpt.graph.graph import WIRING, NetGraph
from netsculpt.nets.families import LSTM, initial_net
from netsculpt.nets.masks import mask_net
from netsculpt.tracing import trace
from netsculpt.tracing.options import Granularity

KINDS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}


def ids(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.long)


def n_weights(net: nn.Module) -> int:
    return sum(x.numel() for x in net.parameters() if x.ndim > 1)


def rows(weight: Tensor, at: int, of: int) -> np.ndarray:
    return weight.detach().chunk(of)[at].T.numpy()  # [in, out], as a block is


def reach(graph: NetGraph) -> np.ndarray:
    """Whether each unit has a path to each unit, itself included [U, U]."""
    step = np.eye(graph.n_units) + (graph.pattern.weights.toarray() > 0)
    reached = np.eye(graph.n_units)
    for _ in graph.layers:
        reached = np.minimum(reached @ step, 1)
    return reached > 0


def pruned(net: nn.Module, kept: float, seed: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    masks = {
        name: torch.rand(x.shape, generator=generator) < kept
        for name, x in net.named_parameters()
        if x.ndim > 1
    }
    mask_net(net, masks)
    return masks


def tokens_net() -> nn.Module:
    return Function(
        lambda net, x: net.fc(net.lstm(net.words(x))[0][:, -1]),
        words=nn.Embedding(11, 6),
        lstm=nn.LSTM(6, 5, batch_first=True),
        fc=nn.Linear(5, 2),
    )


def test_an_lstm_that_classifies_sequences_of_tokens() -> None:
    net = tokens_net()
    graph = trace(net, ids(2, 7))
    assert widths(graph) == {
        "input": 11,
        "words": 6,
        "lstm.h (state)": 5,
        "lstm.c (state)": 5,
        **{f"lstm.{gate}": 5 for gate in "ifgoch"},
        "lstm.h (next state)": 5,
        "lstm.c (next state)": 5,
        "fc": 2,
    }
    assert graph.n_edges == 11 * 6 + 4 * (6 * 5 + 5 * 5) + 4 * 5 + 2 * 5 + 2 * 5 + 5 * 2
    assert graph.n_parameters == n_weights(net) == 296
    assert graph.density == 1
    table = net.words.weight.detach().numpy()
    assert np.array_equal(graph.block("input", "words").toarray(), table)
    for at, gate in enumerate("ifgo"):
        weight, own = net.lstm.weight_ih_l0, net.lstm.weight_hh_l0
        weights = graph.block("words", f"lstm.{gate}").toarray()
        assert np.array_equal(weights, rows(weight, at, 4))
        weights = graph.block("lstm.h (state)", f"lstm.{gate}").toarray()
        assert np.array_equal(weights, rows(own, at, 4))
    wiring = {(x.source, x.target) for x in graph.blocks if x.kind == WIRING}
    assert wiring == {
        *((f"lstm.{x}", "lstm.c") for x in ("f", "i", "g", "c (state)")),
        *((f"lstm.{x}", "lstm.h") for x in "oc"),
        *((f"lstm.{x}", f"lstm.{x} (next state)") for x in "hc"),
    }
    for source, target in wiring:
        assert np.array_equal(graph.block(source, target).toarray(), np.eye(5))


def test_the_recurrence_is_a_state_input_and_a_state_output() -> None:
    graph = trace(tokens_net(), ids(1, 3))
    begin = [x for x in graph.layers if x.name in ("input", "lstm.h (state)", "lstm.c (state)")]
    end = [x for x in graph.layers if "next" in x.name or x.name == "fc"]
    for units, layers in ((graph.inputs, begin), (graph.outputs, end)):
        assert set(units.tolist()) == {u for x in layers for u in range(x.start, x.stop)}
    assert graph.live().n_units == graph.n_units


def test_a_gru_resets_what_the_state_adds_to_its_candidate() -> None:
    net = nn.Sequential(nn.GRU(3, 4, batch_first=True))
    net = Function(lambda net, x: net.gru(x)[0].mean(1), gru=net[0])
    graph = trace(net, torch.zeros(1, 5, 3))
    assert graph.n_units == 3 + 4 + 6 * 4 + 4 + 4
    assert graph.n_edges == 3 * 12 + 4 * 12 + (2 + 1 + 3 + 1 + 1) * 4
    assert graph.n_parameters == n_weights(net)
    one, two = net.gru.weight_ih_l0, net.gru.weight_hh_l0
    for at, gate in enumerate(("r", "z", "n")):
        weights = graph.block("input", f"gru.{gate}").toarray()
        assert np.array_equal(weights, rows(one, at, 3))
        target = "gru.n of h" if gate == "n" else f"gru.{gate}"
        weights = graph.block("gru.h (state)", target).toarray()
        assert np.array_equal(weights, rows(two, at, 3))
    wiring = {(x.source[4:], x.target[4:]) for x in graph.blocks if x.target != "output"}
    wiring -= {(x.source[4:], x.target[4:]) for x in graph.blocks if x.kind != WIRING}
    assert wiring == {
        *(("r", "r·n"), ("n of h", "r·n"), ("r·n", "n")),
        *(("z", "h"), ("n", "h"), ("h (state)", "h"), ("h", "h (next state)")),
    }


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_a_plain_recurrent_layer(nonlinearity: str) -> None:
    rnn = nn.RNN(3, 4, nonlinearity=nonlinearity, bias=False)
    graph = trace(Function(lambda net, x: net.rnn(x)[1][0], rnn=rnn), torch.zeros(5, 2, 3))
    assert [x.n_units for x in graph.layers] == [3, 4, 4, 4, 4]
    assert graph.n_parameters == 12 + 16
    assert np.array_equal(graph.block("input", "rnn.h").toarray(), rows(rnn.weight_ih_l0, 0, 1))
    weights = graph.block("rnn.h (state)", "rnn.h").toarray()
    assert np.array_equal(weights, rows(rnn.weight_hh_l0, 0, 1))


def test_two_layers_in_both_directions() -> None:
    lstm = nn.LSTM(3, 4, 2, bidirectional=True, batch_first=True)
    net = Function(
        lambda net, x: net.fc(torch.cat(list(net.lstm(x)[1][0][-2:]), 1)),
        lstm=lstm,
        fc=nn.Linear(8, 2),
    )
    graph = trace(net, torch.zeros(2, 5, 3))
    assert graph.n_parameters == n_weights(net)
    assert graph.n_units == 3 + 4 * (2 + 4 + 2 + 2) * 4 + 2
    first = graph.block("lstm l0.h", "lstm l1 reverse.g").toarray()
    second = graph.block("lstm l0 reverse.h", "lstm l1 reverse.g").toarray()
    expected = rows(lstm.weight_ih_l1_reverse, 2, 4)
    assert np.array_equal(np.concatenate([first, second]), expected)
    last = graph.block("lstm l1 reverse.h", "fc").toarray()
    assert np.array_equal(last, net.fc.weight.detach().numpy()[:, 4:].T)
    outputs = trace(Function(lambda net, x: net.lstm(x)[0], lstm=lstm), torch.zeros(2, 5, 3))
    assert outputs.layers[-1].shape == (5, 8)
    assert outputs.layers[-1].n_units == 8


def test_a_projection_feeds_the_state() -> None:
    lstm = nn.LSTM(3, 4, proj_size=2, batch_first=True)
    net = Function(lambda net, x: net.lstm(x)[0][:, -1], lstm=lstm)
    graph = trace(net, torch.zeros(1, 5, 3))
    assert graph.n_parameters == n_weights(lstm) == 4 * 4 * (3 + 2) + 4 * 2
    weights = graph.block("lstm.o·c", "lstm.h").toarray()
    assert np.array_equal(weights, rows(lstm.weight_hr_l0, 0, 1))
    assert widths(graph)["lstm.h (state)"] == widths(graph)["lstm.h (next state)"] == 2


def test_what_reads_a_sequence_gets_the_same_units() -> None:
    lstm, fc = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)
    readings = (
        lambda net, x: net.fc(net.lstm(x)[0][:, -1]),
        lambda net, x: net.fc(net.lstm(x)[0].mean(1)),
        lambda net, x: net.fc(net.lstm(x)[1][0][-1]),
        lambda net, x: net.fc(net.lstm(x)[0]),
    )
    first, *others = (
        trace(Function(read, lstm=lstm, fc=fc), torch.zeros(2, 5, 3)) for read in readings
    )
    for other in others:
        assert np.array_equal(first.weights.toarray(), other.weights.toarray())
        assert first.blocks == other.blocks


def test_masks_are_the_edges() -> None:
    net = initial_net(LSTM(sequence=(4, 3), hidden=5, n_outputs=2), rng=0)
    masks = pruned(net, 0.4)
    with torch.no_grad():
        net.lstm.weight_hh_l0.zero_()
    graph = trace(net, torch.zeros(1, 12))
    assert graph.n_parameters == sum(int(x.sum()) for x in masks.values())
    for at, gate in enumerate("ifgo"):
        pattern = graph.pattern.block("lstm.h (state)", f"lstm.{gate}").toarray()
        assert np.array_equal(pattern, rows(masks["lstm.weight_hh_l0"].float(), at, 4))
    sizes = [x.size for x in graph.blocks if x.parameter == "lstm.weight_hh_l0"]
    assert sizes == [25] * 4


def test_masks_of_the_pruning_tool() -> None:
    net = tokens_net()
    prune.random_unstructured(net.lstm, "weight_hh_l0", amount=0.5)
    prune.random_unstructured(net.words, "weight", amount=33)
    graph = trace(net, ids(1, 3))
    mask = net.lstm.weight_hh_l0_mask
    for at, gate in enumerate("ifgo"):
        pattern = graph.pattern.block("lstm.h (state)", f"lstm.{gate}").toarray()
        assert np.array_equal(pattern, rows(mask, at, 4))
    assert graph.block("input", "words").nnz == 33
    assert {x.parameter for x in graph.blocks} == {
        *("words.weight", "lstm.weight_ih_l0", "lstm.weight_hh_l0", "fc.weight", None)
    }


@pytest.mark.parametrize(("both", "kept"), [(False, 0.12), (True, 1.0), (True, 0.12)])
@pytest.mark.parametrize("kind", KINDS)
def test_unrolled_reach_is_the_pattern_of_the_jacobian(kind: str, both: bool, kept: float) -> None:
    torch.manual_seed(5)
    n_steps, size, n_layers = 3, 4, 2
    layer = KINDS[kind](2, size, n_layers, bidirectional=both, batch_first=True).double()
    pruned(layer, kept)
    net = Function(lambda net, x: net.layer(x)[0], layer=layer)
    graph = trace(net, torch.zeros(1, n_steps, 2, dtype=torch.float64), unroll=n_steps)
    n_cells = n_layers * (1 + both)
    shape = (n_cells, 1, size)
    given = [torch.randn(shape, dtype=torch.float64) for _ in range(1 + (kind == "LSTM"))]

    def outputs(x: Tensor, *state: Tensor) -> Tensor:
        return layer(x, state if kind == "LSTM" else state[0])[0]

    x = torch.randn(1, n_steps, 2, dtype=torch.float64)
    slopes = torch.autograd.functional.jacobian(outputs, (x, *given))
    n_out = n_steps * size * (1 + both)
    to_x, *to_state = (slope.reshape(n_out, -1).numpy() != 0 for slope in slopes)
    last = graph.layer("output")
    reached = reach(graph)[:, last.units].T
    assert last.n_units == n_out
    assert np.array_equal(reached[:, graph.layer("input").units], to_x)
    for letter, expected in zip("hc", to_state, strict=False):
        states = [x for x in graph.layers if x.name.endswith(f".{letter} (state)")]
        columns = np.concatenate([np.arange(x.start, x.stop) for x in states])
        assert np.array_equal(reached[:, columns], expected)
    assert kept == 1 or not to_x.all()


def test_unrolled_steps_name_the_same_parameters() -> None:
    net = initial_net(LSTM(sequence=(4, 3), hidden=5, n_outputs=2), rng=0)
    graph = trace(net, torch.zeros(1, 12), unroll=4)
    assert graph.n_parameters == 4 * (3 + 5) * 5 + 10
    assert graph.layer("input").n_units == 12
    for gate in "ifgo":
        steps = [graph.block("input", f"lstm step {n}.{gate}").toarray() for n in range(1, 5)]
        for at, step in enumerate(steps):
            assert np.array_equal(step[3 * at : 3 * at + 3], steps[0][:3])
            assert not np.delete(step, range(3 * at, 3 * at + 3), 0).any()
    assert sum("state" in x.name for x in graph.layers) == 4


def test_a_unit_that_feeds_every_step_is_one() -> None:
    net = Function(
        lambda net, x: net.rnn(net.words(x))[0][:, -1],
        words=nn.Embedding(7, 2),
        rnn=nn.RNN(2, 3, batch_first=True),
    )
    graph = trace(net, ids(1, 4), unroll=4)
    assert graph.n_units == 7 + 2 + 3 + 4 * 3 + 3 + 3
    assert graph.n_parameters == 14 + 6 + 9


@pytest.mark.parametrize("cell", [nn.LSTMCell, nn.GRUCell, nn.RNNCell])
def test_cells_in_a_loop_are_the_unrolled_layer(cell: type[nn.Module]) -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        state = None
        for at in range(3):
            state = net.cell(x[:, at], state)
        return net.fc(state[0] if cell is nn.LSTMCell else state)

    loop = Function(forward, cell=cell(2, 3), fc=nn.Linear(3, 2))
    whole = {nn.LSTMCell: nn.LSTM, nn.GRUCell: nn.GRU, nn.RNNCell: nn.RNN}[cell]
    layer = whole(2, 3, batch_first=True)
    layer.load_state_dict({f"{key}_l0": x for key, x in loop.cell.state_dict().items()})
    net = Function(lambda net, x: net.fc(net.cell(x)[0][:, -1]), cell=layer, fc=loop.fc)
    one, two = trace(loop, torch.zeros(1, 3, 2)), trace(net, torch.zeros(1, 3, 2), unroll=3)
    assert [(x.role, x.n_units) for x in one.layers] == [(x.role, x.n_units) for x in two.layers]
    assert np.array_equal(one.weights.toarray(), two.weights.toarray())
    assert one.n_parameters == two.n_parameters == n_weights(layer) + 6


def test_a_layer_called_step_by_step_is_unrolled() -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        state = None
        for at in range(3):
            y, state = net.layer(x[:, at : at + 1], state)
        return net.fc(y[:, 0])

    parts = {"layer": nn.LSTM(2, 3, batch_first=True), "fc": nn.Linear(3, 2)}
    whole = Function(lambda net, x: net.fc(net.layer(x)[0][:, -1]), **parts)
    one = trace(Function(forward, **parts), torch.zeros(1, 3, 2))
    two = trace(whole, torch.zeros(1, 3, 2), unroll=3)
    assert np.array_equal(one.weights.toarray(), two.weights.toarray())


def test_a_state_that_the_net_is_given_is_its_state() -> None:
    cell = nn.GRUCell(3, 4)
    graph = trace(cell, (torch.zeros(1, 3), torch.zeros(1, 4)))
    assert [x.role for x in graph.layers].count("state") == 0
    assert [x.n_units for x in graph.layers if x.role == "input"] == [3, 4]
    net = Function(
        lambda net, x, y: net.gru(x, net.fc(y)[None])[0][:, -1],
        gru=nn.GRU(3, 4, batch_first=True),
        fc=nn.Linear(2, 4),
    )
    graph = trace(net, (torch.zeros(1, 5, 3), torch.zeros(1, 2)))
    assert graph.block("fc", "gru.r").shape == (4, 4)
    assert [x.name for x in graph.layers if x.role == "state"] == ["gru.h (next state)"]


def test_states_of_several_layers_come_batch_first() -> None:
    gru = nn.GRU(3, 4, 2, batch_first=True)
    given = torch.zeros(1, 5, 3)
    with pytest.raises(TopologyError, match=r"\[batch, layers, hidden\] and transpose"):
        trace(Function(lambda net, x, h: net.gru(x, h)[0], gru=gru), (given, torch.zeros(2, 1, 4)))
    net = Function(lambda net, x, h: net.gru(x, h.transpose(0, 1).contiguous())[0], gru=gru)
    graph = trace(net, (given, torch.zeros(1, 2, 4)))
    assert widths(graph)["given_1"] == 8
    weights = graph.block("given_1", "gru l1.r").toarray()
    assert not weights[:4].any()
    assert np.array_equal(weights[4:], rows(gru.weight_hh_l1, 0, 3))


def test_a_step_may_take_one_layer_as_input_and_as_state() -> None:
    def forward(net: nn.Module, x: Tensor) -> Tensor:
        h = net.fc(x)
        return net.cell(torch.cat([x, h], 1), h)

    net = Function(forward, fc=nn.Linear(2, 3), cell=nn.RNNCell(5, 3))
    graph = trace(net, torch.zeros(1, 2))
    assert np.array_equal(graph.block("fc", "cell.h (given)").toarray(), np.eye(3))
    weights = graph.block("fc", "cell.h").toarray()
    assert np.array_equal(weights, rows(net.cell.weight_ih, 0, 1)[2:])
    weights = graph.block("cell.h (given)", "cell.h").toarray()
    assert np.array_equal(weights, rows(net.cell.weight_hh, 0, 1))


def test_recurrent_layers_that_are_refused() -> None:
    lstm = nn.LSTM(3, 4, batch_first=True)
    net = Function(lambda net, x: net.lstm(x)[0], lstm=lstm)
    with pytest.raises(TopologyError, match=r"'lstm'.*5 positions, unroll is 3"):
        trace(net, torch.zeros(1, 5, 3), unroll=3)

    def packed(net: nn.Module, x: Tensor) -> Tensor:
        lengths = torch.full((len(x),), 5)
        given = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        return net.lstm(given)[1][0][0]

    with pytest.raises(TopologyError, match="pack"):
        trace(Function(packed, lstm=lstm), torch.zeros(2, 5, 3))


def test_tied_embeddings_name_one_parameter() -> None:
    net = Function(
        lambda net, x: net.out(net.words(x) * 2.0 + torch.ones(7, 4)),
        words=nn.Embedding(9, 4, padding_idx=0),
        out=nn.Linear(4, 9),
    )
    net.out.weight = net.words.weight
    graph = trace(net, ids(1, 7))
    assert widths(graph) == {"input": 9, "words": 4, "out": 9}
    assert [(x.parameter, x.size) for x in graph.blocks] == [("words.weight", n) for n in (36, 0)]
    assert graph.n_parameters == 8 * 4  # padding is a row of zeros
    expected = 2 * net.words.weight.detach().numpy()
    assert np.array_equal(graph.block("input", "words").toarray(), expected)


def test_ids_may_be_moved_before_they_are_looked_up() -> None:
    net = Function(
        lambda net, x: net.words(x.transpose(1, 2).flip(1)[:, 1:]).mean((1, 2)),
        words=nn.Embedding(9, 4),
    )
    graph = trace(net, ids(2, 3, 5))
    assert widths(graph) == {"input": 3, "input[0, 0]": 9, "words": 4}  # 3 are never looked up
    assert graph.n_edges == 36
    net.called = lambda net, x, y: net.words(torch.cat([x, y], 1))
    graph = trace(net, (ids(1, 2), ids(1, 3)))
    assert graph.n_edges == 36
    assert sum(x.n_units for x in graph.layers if x.role == "input") == 9


def test_positions_and_constant_tokens_make_no_edges() -> None:
    net = Function(
        lambda net, x: net.a(x) + net.b(torch.zeros(5).long()) + net.c(torch.arange(x.shape[1])),
        a=nn.Embedding(9, 4),
        b=nn.Embedding(2, 4),
        c=nn.Embedding(5, 4),
    )
    graph = trace(net, ids(1, 5))
    assert widths(graph) == {"input": 9, "a": 4}
    assert graph.n_parameters == 36
    for name in "bc":
        prune.random_unstructured(getattr(net, name), "weight", amount=0.5)
    graph = trace(net, ids(1, 5))
    assert widths(graph) == {"input": 9, "a": 4}
    assert graph.n_parameters == 36


def test_columns_with_vocabularies_of_their_own() -> None:
    net = Function(
        lambda net, x, y: net.out(torch.cat([net.a(y[:, 0]), net.b(y[:, 2]), x], 1)),
        a=nn.Embedding(10, 6),
        b=nn.Embedding(4, 3),
        out=nn.Linear(10, 2),
    )
    graph = trace(net, (torch.zeros(2, 1), ids(2, 3)))
    assert widths(graph) == {
        "given_0": 1,
        "given_1": 1,
        "given_1[0]": 10,
        "given_1[2]": 4,
        "a": 6,
        "b": 3,
        "out": 2,
    }
    assert np.array_equal(graph.block("given_1[2]", "b").toarray(), net.b.weight.detach().numpy())
    weights = graph.block("given_0", "out").toarray()
    assert np.array_equal(weights, net.out.weight.detach().numpy()[:, 9:].T)


@pytest.mark.parametrize("mode", ["mean", "sum", "max"])
def test_bags_of_tokens(mode: str) -> None:
    bag = nn.EmbeddingBag(9, 4, mode=mode, padding_idx=2)
    with torch.no_grad():
        bag.weight.fill_(1.0)
    graph = trace(nn.Sequential(bag, nn.Linear(4, 2)), ids(2, 5))
    assert widths(graph) == {"input": 9, "0": 4, "1": 2}
    assert graph.block("input", "0").toarray().sum(1).tolist() == [4, 4, 0, *[4] * 6]


def test_every_position_has_its_own_tokens_in_a_spatial_graph() -> None:
    net = Function(
        lambda net, x: net.out(net.rnn(net.words(x))[0].flatten(1)),
        words=nn.Embedding(9, 4),
        rnn=nn.RNN(4, 3, batch_first=True),
        out=nn.Linear(6, 2),
    )
    graph = trace(net, ids(1, 2), granularity="spatial", unroll=2)
    assert [x.n_units for x in graph.layers] == [9, 9, 8, 3, 3, 3, 2, 3]
    assert graph.n_parameters == 9 * 4 + 4 * 3 + 3 * 3 + 12
    table = net.words.weight.detach().numpy()
    for at in range(2):
        weights = graph.block(f"input[{at}]", "words").toarray()
        assert np.array_equal(weights[:, 4 * at : 4 * at + 4], table)
        assert np.count_nonzero(weights) == 36
        weights = graph.block("words", f"rnn step {at + 1}.h").toarray()
        assert np.array_equal(weights[4 * at : 4 * at + 4], rows(net.rnn.weight_ih_l0, 0, 1))
        assert np.count_nonzero(weights) == 12


def test_the_same_embedding_of_two_inputs_is_two_layers() -> None:
    net = Function(lambda net, x, y: net.words(x) * net.words(y), words=nn.Embedding(9, 4))
    graph = trace(net, (ids(1, 3), ids(1, 3)))
    assert widths(graph) == {
        "given_0": 9,
        "given_1": 9,
        "words": 4,
        "words (2)": 4,
        "mul": 4,
    }
    assert {x.parameter for x in graph.blocks if x.kind == "embedding"} == {"words.weight"}


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda net, x: net.a(x).sum(2) + net.b(x).sum(2), "embeddings of 9 and of 4 tokens"),
        (lambda net, x: net.a(x + 1), "takes tokens"),
        (lambda net, x: net.a(x).sum(1) * x.float().mean(1, keepdim=True), "takes tokens"),
        (lambda net, x: net.a(x * 2), "ids were multiplied"),
        (lambda net, x: net.a(net.c(x.float()).long()), "computed from activations"),
        (lambda net, x: (net.a(x), x), "returns tokens"),
        (lambda net, x: net.d(x), "max_norm=None"),
    ],
)
def test_ids_that_are_refused(forward: object, message: str) -> None:
    net = Function(
        forward,
        a=nn.Embedding(9, 5),
        b=nn.Embedding(4, 5),
        c=nn.Linear(5, 5),
        d=nn.Embedding(9, 5, max_norm=1.0),
    )
    with pytest.raises(TopologyError, match=message):
        trace(net, ids(1, 5))


def test_tokens_that_are_not_whole_numbers_are_refused_with_the_remedy():
    net = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2))
    with pytest.raises(TopologyError, match=r"whole numbers.*--example-dtype int64"):
        trace(net, torch.zeros(1, 4))


def test_a_cell_of_many_rows_is_not_told_to_unroll() -> None:
    net = nn.Sequential(nn.Flatten(0, 1), nn.GRUCell(4, 4))
    with pytest.raises(TopologyError, match=r"granularity='channel', or call the cell once"):
        trace(net, torch.randn(1, 5, 4), granularity="spatial")


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_the_unroll_that_a_refusal_names_is_one_that_works(
    kind: type[nn.RNNBase], granularity: Granularity, batch_first: bool
) -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        mixed = net.mix(x.transpose(1, 2)).transpose(1, 2)  # each position has its own units
        given = mixed if batch_first else mixed.transpose(0, 1)
        after = net.r(given)[0]
        return net.head(after if batch_first else after.transpose(0, 1))

    net = Function(
        forward, mix=nn.Linear(5, 5), r=kind(4, 3, batch_first=batch_first), head=nn.Linear(3, 2)
    )
    example = torch.zeros(1, 5, 4)
    with pytest.raises(TopologyError, match="positions have different units") as refused:
        trace(net, example, granularity=granularity)
    named = re.search(r"Trace with unroll=(\d+)", str(refused.value))
    assert named is not None
    graph = trace(net, example, granularity=granularity, unroll=int(named[1]))
    assert any(layer.name.startswith("r step 5.") for layer in graph.layers)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_positions_taken_for_samples_are_named(kind: type[nn.RNNBase]) -> None:
    """The default of torch is that the first dimension is time: its length is 1 here."""
    example = torch.zeros(1, 5, 4)
    for batch_first in (False, True):
        net = Function(lambda net, x: net.r(x)[0], r=kind(4, 3, batch_first=batch_first))
        if batch_first:  # what the refusal says to do
            trace(net, example, granularity="spatial", unroll=5)
        else:
            with pytest.raises(TopologyError, match="give batch_first=True"):
                trace(net, example, granularity="spatial")
