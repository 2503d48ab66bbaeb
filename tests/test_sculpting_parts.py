"""What can be cut in any net: units with all that belongs to them, and edges."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.files.model import read_model, write_model
from netsculpt.nets.families import CNN, LSTM, MLP, VGG, NetSpec, ResNet, SparseGPT, initial_net
from netsculpt.nets.masks import net_from_model
from netsculpt.nets.weight_counts import weight_counts
from netsculpt.training.sculpting.nets.kind import Nets
from netsculpt.training.sculpting.parts.finding import traced_parts
from netsculpt.training.sculpting.parts.net_stack import NetStack, stacked
from netsculpt.training.sculpting.perceptrons import Perceptrons
from netsculpt.training.sculpting.replicas import initial_replicas

SPECS: dict[str, NetSpec] = {
    "mlp": MLP((4, 5, 3)),
    "cnn": CNN((2, 4, 4), (3, 4), (5,), 6),
    "vgg": VGG((2, 4, 4), ((3, 3), (4,)), 6),
    "resnet": ResNet((2, 4, 4), 3, (3, 4), 1),
    "lstm": LSTM((4, 3), 5, 2, layers=2),
    "gpt": SparseGPT(7, 5, width=4, layers=1, heads=2, head_width=3, mlp_width=5, tied=False),
}


@cache
def stack_of(name: str) -> NetStack:
    """Two nets of a family in float64, with norms that do something."""
    spec, nets = SPECS[name], list[nn.Module]()
    for seed in range(2):
        net = initial_net(spec, rng=seed).double()
        random = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for values in net.state_dict().values():
                if values.ndim == 1 and values.is_floating_point():
                    values.copy_(torch.rand(values.shape, generator=random).double() + 0.5)
                elif name == "gpt":
                    values.mul_(10)
        nets.append(net.eval())
    example = torch.zeros(1, spec.n_inputs, dtype=torch.float64)
    return stacked(spec, nets, traced_parts(nets[0], example))


def inputs_of(name: str, n: int = 8) -> Tensor:
    spec, random = SPECS[name], torch.Generator().manual_seed(3)
    if isinstance(spec, SparseGPT):
        tokens = torch.randint(spec.vocabulary, (n, spec.n_inputs), generator=random)
        return tokens.double()
    return torch.randn(n, spec.n_inputs, generator=random, dtype=torch.float64)


def outputs(stack: NetStack, inputs: Tensor, row: int = 0) -> Tensor:
    with torch.no_grad():
        result: Tensor = stack.net_of(row)(inputs)
    return result


def keep_all_but(stack: NetStack, *units: int) -> Tensor:
    keep = torch.ones(stack.n_replicas, stack.parts.n_units, dtype=torch.bool)
    keep[:, list(units)] = False
    return keep


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("mlp", {"fc1": 5}),
        ("cnn", {"conv1": 3, "conv2": 4, "fc1": 5}),
        ("vgg", {"conv1_1": 3, "conv1_2": 3, "conv2_1": 4}),
        (
            "resnet",  # the stream of each stage, and the inside of each block
            {
                "conv": 3,
                "block1_1.residual.conv1": 3,
                "block2_1.residual.conv1": 4,
                "block2_1.residual.conv2": 4,
            },
        ),
        ("lstm", {"lstm l0.h (state)": 5, "lstm l1.h (state)": 5}),
        (
            "gpt",  # the residual stream, heads and neurons
            {
                "transformer.wte": 4,
                "transformer.h.0.attn.c_attn": 2,
                "transformer.h.0.mlp.c_fc": 5,
            },
        ),
    ],
)
def test_units_of_families(name: str, units: dict[str, int]) -> None:
    parts = stack_of(name).parts
    assert Counter(unit.rsplit("[")[0] for unit in parts.names) == units
    weights = torch.zeros(parts.layout.n_entries)
    for belonging in (parts.writes, parts.reads, parts.constants):
        weights[belonging.entry] += 1
    assert (weights > 0).all(), "every entry belongs to a unit, an input or an output"


@pytest.mark.parametrize("name", SPECS)
def test_without_a_unit_the_net_computes_as_with_its_gate_shut(name: str) -> None:
    """The gate is on all that reads it: what the unit itself does is not looked at.

    A norm over channels also reads the stream; there the gate is on what is written.
    """
    stack, inputs = stack_of(name), inputs_of(name)
    parts, n_changed = stack.parts, 0
    whole = [outputs(stack, inputs, row) for row in range(2)]
    for unit in range(parts.n_units):
        cut = stack.with_entries(parts.without_units(keep_all_but(stack, unit)))
        is_stream = name == "gpt" and parts.names[unit].startswith("transformer.wte")
        gate = [parts.writes, parts.constants] if is_stream else [parts.reads]
        open_ = torch.ones(2, parts.layout.n_entries, dtype=torch.bool)
        for belonging in gate:
            open_[:, belonging.entry[belonging.unit == unit]] = False
        gated = stack.with_entries(open_)
        for row in range(2):
            found, needed = (outputs(x, inputs, row) for x in (cut, gated))
            assert torch.equal(found, needed), parts.names[unit]
            n_changed += not torch.equal(found, whole[row])
    assert n_changed > parts.n_units, "hardly any unit is dead in both nets"


def kept_places(size: int, gone: int) -> list[int]:
    return [x for x in range(size) if x != gone]


def small_net(spec: NetSpec, state: dict[str, Tensor]) -> nn.Module:
    net = spec.build().double().eval()
    net.load_state_dict(state)
    return net


def test_a_residual_net_without_a_channel_is_a_smaller_net() -> None:
    """One channel of the first stream, and one inside its block; the rest is copied by hand."""
    stack, inputs = stack_of("resnet"), inputs_of("resnet")
    names = stack.parts.names
    gone = names.index("conv[1]"), names.index("block1_1.residual.conv1[0]")
    cut = stack.with_entries(stack.parts.without_units(keep_all_but(stack, *gone)))
    state, _ = stack.state(0)
    stream, inside = kept_places(3, 1), kept_places(3, 0)
    small = dict(state)
    for norm, places in {
        "norm": stream,
        "block1_1.residual.norm1": inside,
        "block1_1.residual.norm2": stream,
    }.items():
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            small[f"{norm}.{leaf}"] = state[f"{norm}.{leaf}"][places]
    small["conv.weight"] = state["conv.weight"][stream]
    block = "block1_1.residual"
    small[f"{block}.conv1.weight"] = state[f"{block}.conv1.weight"][inside][:, stream]
    small[f"{block}.conv2.weight"] = state[f"{block}.conv2.weight"][stream][:, inside]
    for reader in ("block2_1.residual.conv1.weight", "block2_1.shortcut.conv.weight"):
        small[reader] = state[reader][:, stream]
    net = small_net(ResNet((2, 4, 4), 3, (2, 4), 1), small)
    torch.testing.assert_close(outputs(cut, inputs), net(inputs).detach())


def test_a_transformer_without_a_channel_is_a_smaller_net() -> None:
    """Its norms divide by fewer channels: their factors make up for it."""
    spec = SparseGPT(7, 5, 4, 1, 2, head_width=3, mlp_width=5, tied=False, norm="rms")
    net = initial_net(spec, rng=0).double()
    with torch.no_grad():
        for values in net.parameters():
            values.mul_(10)
    stack = stacked(spec, [net], traced_parts(net, torch.zeros(1, 5)))
    gone = stack.parts.names.index("transformer.wte[2]")
    cut = stack.with_entries(stack.parts.without_units(keep_all_but(stack, gone)))
    stream = kept_places(4, 2)
    small = {name: x.clone() for name, x in stack.state(0)[0].items()}
    block = "transformer.h.0"
    for name in ("transformer.wte", "transformer.wpe", "lm_head"):
        small[f"{name}.weight"] = small[f"{name}.weight"][:, stream]
    for name in (f"{block}.attn.c_attn", f"{block}.mlp.c_fc"):
        small[f"{name}.weight"] = small[f"{name}.weight"][:, stream]
    for name in (f"{block}.attn.c_proj", f"{block}.mlp.c_proj"):
        small[f"{name}.weight"] = small[f"{name}.weight"][stream]
        small[f"{name}.bias"] = small[f"{name}.bias"][stream]
    for name in (f"{block}.ln_1", f"{block}.ln_2", "transformer.ln_f"):
        small[f"{name}.weight"] = small[f"{name}.weight"][stream] * (4 / 3) ** 0.5
    other = small_net(replace(spec, width=3), small)
    inputs = inputs_of("gpt")
    torch.testing.assert_close(outputs(cut, inputs), other(inputs).detach(), rtol=1e-5, atol=1e-7)


def test_a_recurrent_net_without_a_unit_is_a_smaller_net() -> None:
    """All four gates of a hidden unit of the first layer go."""
    stack, inputs = stack_of("lstm"), inputs_of("lstm")
    cut = stack.with_entries(stack.parts.without_units(keep_all_but(stack, 5 + 3)))
    state, _ = stack.state(1)
    hidden = kept_places(5, 3)
    rows = [gate * 5 + place for gate in range(4) for place in hidden]
    net = nn.ModuleList([nn.LSTM(3, 5, batch_first=True), nn.LSTM(5, 4, batch_first=True)]).double()
    with torch.no_grad():
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(net[0], f"{name}_l0").copy_(state[f"lstm.{name}_l0"])
            values = state[f"lstm.{name}_l1"][rows]
            values = values[:, hidden] if name == "weight_hh" else values
            getattr(net[1], f"{name}_l0").copy_(values)
        steps, _ = net[1](net[0](inputs.reshape(-1, 4, 3))[0])
        needed = steps[:, -1] @ state["fc.weight"][:, hidden].T + state["fc.bias"]
    torch.testing.assert_close(outputs(cut, inputs, 1), needed)


def test_edges_are_those_of_the_graph() -> None:
    """A kernel is one edge, and so are the weights of all positions of a channel."""
    parts = stack_of("cnn").parts
    sizes = Counter(parts.edge_of[parts.edge_of >= 0].tolist()).values()
    assert parts.n_edges == 3 * 2 + 4 * 3 + 5 * 4 + 6 * 5 == len(sizes)
    assert Counter(sizes) == {9: 18, 1: 50}
    wide = CNN((1, 4, 4), (3,), (), 6)  # four positions are left for each channel
    net = initial_net(wide, rng=0)
    sizes = Counter(traced_parts(net, torch.zeros(1, 16)).edge_of.tolist())
    assert Counter(sizes[x] for x in sizes if x >= 0) == {9: 3, 4: 18}


def test_perceptrons_are_cut_as_nets_of_any_kind_are() -> None:
    """The same parameters stay, whatever units and then whatever weights go."""
    spec, random = MLP((4, 6, 5, 3)), torch.Generator().manual_seed(0)
    replicas = initial_replicas(spec, [0, 1, 2])
    parts = traced_parts(initial_net(spec, rng=0), torch.zeros(1, 4))
    stack = NetStack(spec, replicas.net, replicas.parameters, replicas.masks, parts)
    special, general = Perceptrons(spec), Nets(spec, parts)
    assert (special.n_units, special.n_edges) == (general.n_units, general.n_edges)
    # Weights of perceptrons are numbered by layer, row and column, edges by their ends.
    weights = parts.layout.flat(replicas.masks)[0].nonzero()[:, 0]
    edge_of = parts.edge_of[weights][parts.edge_of[weights] >= 0]
    for _ in range(5):
        units = torch.rand(3, 11, generator=random) > 0.3
        edges = torch.rand(3, special.n_edges, generator=random) > 0.7
        by_edge = torch.empty_like(edges)
        by_edge[:, edge_of] = edges
        one = special.without_edges(special.without_units(replicas, units), edges)
        two = general.without_edges(general.without_units(stack, units), by_edge)
        assert all(torch.equal(one.masks[x], two.masks[x]) for x in one.masks)
        assert all(torch.equal(one.parameters[x], two.parameters[x]) for x in one.masks)
        assert torch.equal(special.kept_edges(one), general.kept_edges(two)[:, edge_of])


def test_shared_embeddings_count_once() -> None:
    spec = SparseGPT(7, 5, width=4, layers=1, heads=2, head_width=3, mlp_width=5)
    parts = traced_parts(initial_net(spec, rng=0), torch.zeros(1, 5))
    untied = stack_of("gpt").parts
    assert parts.n_edges == untied.n_edges - 7 * 4
    stream = parts.names.index("transformer.wte[0]")
    both = [x.entry[x.unit == stream] for x in (parts.writes, parts.reads)]
    assert len(set(both[0].tolist()) & set(both[1].tolist())) == 7, (
        "the column of the table is written and read"
    )


def test_a_net_that_was_cut_is_stored_with_its_masks(tmp_path: Path) -> None:
    """Also where it has one table under two names."""
    spec = SparseGPT(7, 5, width=4, layers=1, heads=2, head_width=3, mlp_width=5)
    net = initial_net(spec, rng=0)
    stack = stacked(spec, [net], traced_parts(net, torch.zeros(1, 5)))
    cut = stack.with_entries(stack.parts.without_units(keep_all_but(stack, 0, 4, 7)))
    state, masks = cut.state(0)
    write_model(tmp_path / "model.pt", net=spec.spec, state=state, masks=masks)
    again = net_from_model(read_model(tmp_path / "model.pt"))
    inputs = inputs_of("gpt")
    assert torch.equal(again(inputs), cut.net_of(0)(inputs))
    assert sum(weight_counts(again).kept) == int(cut.n_kept())


class Beside(nn.Module):
    """A parameter that is compared with an activation of another shape."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)
        self.order = nn.Parameter(torch.ones(4, 5))

    def forward(self, inputs: Tensor) -> Tensor:
        out: Tensor = self.last((self.first(inputs)[:, :, None] * self.order).sum(-1))
        return out


def test_a_parameter_for_several_values_of_a_unit_belongs_to_it() -> None:
    parts = traced_parts(Beside(), torch.zeros(1, 3))
    assert parts.n_units == 4
    order = parts.layout.split(torch.arange(parts.layout.n_entries)[None])["order"][0]
    for unit in range(4):
        assert set(order[unit].tolist()) <= set(
            parts.constants.entry[parts.constants.unit == unit].tolist()
        )


def test_a_net_without_hidden_units_is_refused() -> None:
    with pytest.raises(TopologyError, match="no unit that can be cut"):
        traced_parts(nn.Linear(3, 2), torch.zeros(1, 3))


def test_nets_of_other_shapes_are_no_stack() -> None:
    nets = [MLP((2, width, 1)).build() for width in (3, 4)]
    parts = traced_parts(nets[0], torch.zeros(1, 2))
    with pytest.raises(FormatError, match="different shapes: build them from one spec"):
        stacked(MLP((2, 3, 1)), nets, parts)
