"""Circuits of transformers: ablations written out, edges counted one by one, a planted circuit."""

from __future__ import annotations

from dataclasses import replace
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
from netsculpt.training.influence.circuits import ABLATIONS, Circuit, circuit
from netsculpt.training.influence.circuits.ablating import ablated, fills_of, places_of
from netsculpt.training.influence.circuits.edges import n_edges
from netsculpt.training.tasks import NextToken, Task, hold_out

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
    return circuit(net, own_answers(net), recipe=RECIPE, penalty=0.3, rng=0)


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
    assert found.whole_accuracy == 1
    assert found.accuracy["mean"] > 0.85
    assert found.accuracy["mean"] > np.mean(found.random_accuracy["mean"])
    assert 0 < found.n_edges < found.n_edges_of_net


def test_result_is_complete(found: Circuit) -> None:
    assert found.table()["ablation"].tolist() == list(ABLATIONS)
    assert found.untrained is not None
    assert found.summary()["untrained"]["n_nodes"] == found.untrained.n_nodes
    assert {len(x) for x in found.random_accuracy.values()} == {10}


def test_same_seed_same_circuit_and_the_net_is_left_alone() -> None:
    net = drawn()
    before = {name: x.clone() for name, x in net.state_dict().items()}
    brief = replace(RECIPE, epochs=1)
    task = own_answers(net, 64)
    a, b = (circuit(net, task, recipe=brief, untrained=False, rng=5) for _ in range(2))
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
