"""Masks: 0 in every forward pass and in every file, through copies, moves and any optimizer."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from netsculpt.core.errors import FormatError
from netsculpt.files.model import read_model, write_model
from netsculpt.graph.graph import NetGraph
from netsculpt.loading import load
from netsculpt.nets.families import CNN, LSTM, MLP, VGG, NetSpec, ResNet, initial_net
from netsculpt.nets.masking import MaskHook
from netsculpt.nets.masks import (
    mask_gradients,
    mask_net,
    masks_of,
    net_from_model,
    plain_state,
    zero_pruned,
)
from netsculpt.nets.prunable import prunable
from netsculpt.nets.unit_masks import kernel_mask, unit_masks
from netsculpt.nets.weight_counts import weight_counts

SPECS: dict[str, NetSpec] = {
    "mlp": MLP((6, 8, 5, 3)),
    "cnn": CNN((2, 8, 8), channels=(4, 6), hidden=(7,), n_outputs=3),
    "vgg": VGG((2, 8, 8), stages=((4, 4), (6,)), n_outputs=3),
    "resnet": ResNet((2, 8, 8), n_outputs=3, widths=(4, 6), blocks=1),
    "lstm": LSTM((4, 3), hidden=5, n_outputs=3),
}
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.05, weight_decay=0.01),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_masks(net: nn.Module, share: float = 0.5, seed: int = 0) -> dict[str, Tensor]:
    draw = generator(seed)
    return {
        name: torch.rand(x.shape, generator=draw) < share
        for name, x in net.named_parameters()
        if x.ndim > 1
    }


def samples(spec: NetSpec, n: int = 12) -> tuple[Tensor, Tensor]:
    x = torch.randn(n, spec.n_inputs, generator=generator(1))
    return x, torch.randint(spec.n_outputs, (n,), generator=generator(2))


def masked(family: str, share: float = 0.5) -> nn.Module:
    net = initial_net(SPECS[family], rng=0)
    mask_net(net, random_masks(net, share))
    return net


def steps(net: nn.Module, optimizer: torch.optim.Optimizer, spec: NetSpec, n: int) -> None:
    """A loop that knows nothing of masks."""
    x, y = samples(spec)
    for _ in range(n):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()


def pruned_are_zero(state: dict[str, Tensor], masks: dict[str, Tensor]) -> bool:
    return all(bool((state[name][~mask] == 0).all()) for name, mask in masks.items())


@pytest.mark.parametrize("family", SPECS)
def test_forward_is_that_of_zeroed_weights(family: str) -> None:
    net, plain = masked(family), initial_net(SPECS[family], rng=0)
    with torch.no_grad():
        for name, x in plain.named_parameters():
            if x.ndim > 1:
                x.mul_(masks_of(net)[name])
    x, _ = samples(SPECS[family])
    assert torch.equal(net.eval()(x), plain.eval()(x))
    assert list(masks_of(net)) == [n for n, x in net.named_parameters() if x.ndim > 1]


@pytest.mark.parametrize("family", SPECS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_any_optimizer_leaves_pruned_weights_at_zero(family: str, name: str) -> None:
    """Momentum gathered before a mask shrinks would move weights after it."""
    spec, net = SPECS[family], initial_net(SPECS[family], rng=0)
    optimizer = OPTIMIZERS[name](net.parameters())
    steps(net, optimizer, spec, 3)
    mask_net(net, random_masks(net))
    steps(net, optimizer, spec, 3)
    drifted = {n: x.detach().clone() for n, x in net.named_parameters()}
    assert not pruned_are_zero(drifted, masks_of(net))  # else this test shows nothing
    assert pruned_are_zero(net.state_dict(), masks_of(net))
    optimizer.step()
    seen: list[bool] = []
    net.register_forward_pre_hook(
        lambda *_: seen.append(pruned_are_zero(dict(net.named_parameters()), masks_of(net)))
    )
    net(samples(spec)[0])
    assert seen == [True]


def test_masked_momentum_as_written_out() -> None:
    """Gradients masked before the step and weights after it: a reference of a few lines."""
    spec, net = SPECS["mlp"], masked("mlp")
    reference = {n: x.detach().clone() for n, x in net.named_parameters()}
    masks = {n: masks_of(net).get(n, torch.ones(x.shape)) for n, x in net.named_parameters()}
    velocity = {n: torch.zeros_like(x) for n, x in reference.items()}
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    x, y = samples(spec)
    clean = copy.deepcopy(spec.build())
    for _ in range(5):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        mask_gradients(net)
        optimizer.step()
        zero_pruned(net)
        leaves = {n: v.clone().requires_grad_() for n, v in reference.items()}
        loss = nn.functional.cross_entropy(functional_call(clean, leaves, (x,)), y)
        gradients = torch.autograd.grad(loss, list(leaves.values()))
        for n, gradient in zip(leaves, gradients, strict=True):
            velocity[n] = 0.9 * velocity[n] + masks[n] * (gradient + 0.01 * reference[n])
            reference[n] = masks[n] * (reference[n] - 0.1 * velocity[n])
    for n, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.detach(), reference[n])
        momentum = optimizer.state[parameter]["momentum_buffer"]
        assert bool((momentum[masks[n] == 0] == 0).all())


def test_gradients_after_backward_are_dense() -> None:
    net = masked("mlp")
    x, y = samples(SPECS["mlp"])
    nn.functional.cross_entropy(net(x), y).backward()
    pruned = ~masks_of(net)["fc2.weight"]
    plain = SPECS["mlp"].build()
    leaves = {n: v.detach().clone().requires_grad_() for n, v in net.named_parameters()}
    loss = nn.functional.cross_entropy(functional_call(plain, leaves, (x,)), y)
    expected = torch.autograd.grad(loss, leaves["fc2.weight"])[0]
    gradient = net.get_parameter("fc2.weight").grad
    assert gradient is not None
    torch.testing.assert_close(gradient, expected)
    assert bool((gradient[pruned] != 0).any())


def test_masks_shrink_and_grow_again() -> None:
    net = masked("mlp")
    first = {n: m.clone() for n, m in masks_of(net).items()}
    weight = net.get_parameter("fc2.weight")
    kept_values = weight.detach().clone()
    second = torch.rand(weight.shape, generator=generator(7)) < 0.5
    mask_net(net, {"fc2.weight": second})
    both = first["fc2.weight"] & second
    assert torch.equal(masks_of(net)["fc2.weight"], second)
    assert torch.equal(weight[both], kept_values[both])
    assert bool((weight[~both] == 0).all())  # grown ones begin at 0
    assert torch.equal(masks_of(net)["fc1.weight"], first["fc1.weight"])
    with torch.no_grad():
        weight += 1
    net(samples(SPECS["mlp"])[0])
    assert torch.equal(weight.detach() != 0, second)  # the grown are kept, the dropped are not


def test_drifted_weights_do_not_grow_back() -> None:
    """What an optimizer did to a pruned weight is forgotten when its bit is set again."""
    net = masked("mlp")
    weight = net.get_parameter("fc1.weight")
    before = masks_of(net)["fc1.weight"].clone()
    with torch.no_grad():
        weight += 1
    mask_net(net, {"fc1.weight": torch.ones_like(before)})
    assert bool((weight[~before] == 0).all())
    assert bool((weight[before] != 0).all())


def test_not_finite_pruned_weights_become_zero() -> None:
    net = masked("mlp")
    with torch.no_grad():
        net.get_parameter("fc1.weight")[~masks_of(net)["fc1.weight"]] = torch.nan
    assert bool(net(samples(SPECS["mlp"])[0]).isfinite().all())


def test_two_forward_passes_before_backward() -> None:
    """Zeroing must not look to autograd like a change of what it saved."""
    net = masked("mlp")
    x, y = samples(SPECS["mlp"])
    loss = nn.functional.cross_entropy(net(x), y) + nn.functional.cross_entropy(net(-x), y)
    loss.backward()
    assert net.get_parameter("fc1.weight").grad is not None


@pytest.mark.parametrize("family", SPECS)
def test_state_dict_round_trip(family: str) -> None:
    net = masked(family)
    other = initial_net(SPECS[family], rng=9)
    mask_net(other, random_masks(other, 0.2, seed=5))
    other.load_state_dict(net.state_dict())
    x, _ = samples(SPECS[family])
    assert torch.equal(other.eval()(x), net.eval()(x))
    assert all(torch.equal(masks_of(other)[n], m) for n, m in masks_of(net).items())
    with pytest.raises(RuntimeError, match="_mask"):
        initial_net(SPECS[family], rng=9).load_state_dict(net.state_dict())


def test_loading_zeroes_what_the_loaded_masks_prune() -> None:
    net = masked("mlp")
    state = {n: x.clone() for n, x in net.state_dict().items()}
    state["fc1.weight"] += 1
    net.load_state_dict(state)
    assert pruned_are_zero(dict(net.named_parameters()), masks_of(net))


def test_loading_by_assignment_puts_other_parameters_in_place() -> None:
    net = masked("mlp")
    state = {n: x.clone() for n, x in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert net.get_parameter("fc1.weight").data_ptr() == state["fc1.weight"].data_ptr()
    with torch.no_grad():
        net.get_parameter("fc1.weight").add_(1)
    net(samples(SPECS["mlp"])[0])
    assert pruned_are_zero(dict(net.named_parameters()), masks_of(net))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
@pytest.mark.parametrize("family", SPECS)
def test_copies_are_masked_on_their_own(
    family: str, copied: Callable[[nn.Module], nn.Module]
) -> None:
    spec, net = SPECS[family], masked(family)
    before = {n: x.clone() for n, x in net.state_dict().items()}
    twin = copied(net)
    assert all(torch.equal(masks_of(twin)[n], m) for n, m in masks_of(net).items())
    optimizer = OPTIMIZERS["sgd"](twin.parameters())
    steps(twin, optimizer, spec, 2)
    twin(samples(spec)[0])
    assert pruned_are_zero(dict(twin.named_parameters()), masks_of(twin))
    assert any(not torch.equal(x, before[n]) for n, x in twin.named_parameters())
    mask_net(twin, {n: torch.zeros_like(m) for n, m in masks_of(twin).items()})
    assert all(torch.equal(x, before[n]) for n, x in net.state_dict().items())


@pytest.mark.parametrize("family", SPECS)
def test_masks_move_with_the_net_and_keep_their_type(family: str) -> None:
    net = masked(family)
    expected = {n: m.clone() for n, m in masks_of(net).items()}
    net.double().half().bfloat16().float()
    assert all(torch.equal(masks_of(net)[n], m) for n, m in expected.items())
    parameters = list(net.parameters())
    net.to("meta")
    assert {m.device.type for m in masks_of(net).values()} == {"meta"}
    assert len(parameters) == len(list(net.parameters()))


def test_masks_are_put_on_the_device_of_the_parameter() -> None:
    net = MLP((3, 2)).build().to("meta")
    mask_net(net, {"fc1.weight": torch.ones(2, 3, dtype=torch.bool)})
    assert masks_of(net)["fc1.weight"].device.type == "meta"


def test_functional_calls_use_what_they_are_given() -> None:
    """Parameters of another net among it, which must not be changed."""
    net, dense = masked("mlp"), initial_net(SPECS["mlp"], rng=0)
    x, _ = samples(SPECS["mlp"])
    before = {n: p.detach().clone() for n, p in dense.named_parameters()}
    found = functional_call(net, dict(dense.named_parameters()), (x,))
    assert torch.equal(found, dense(x))
    assert all(torch.equal(p, before[n]) for n, p in dense.named_parameters())


def test_stacked_nets_under_vmap() -> None:
    nets = [masked("mlp"), copy.deepcopy(masked("mlp"))]
    with torch.no_grad():
        nets[1].get_parameter("fc1.weight").mul_(2)
    parameters, buffers = stack_module_state(nets)
    x, _ = samples(SPECS["mlp"])
    both = vmap(lambda p, b: functional_call(nets[0], (p, b), (x,)))(parameters, buffers)
    for net, found in zip(nets, both, strict=True):
        torch.testing.assert_close(net(x), found)


def test_functional_calls_with_other_masks_change_nothing() -> None:
    net, other = masked("mlp"), masked("mlp", share=0.1)
    x, _ = samples(SPECS["mlp"])
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    functional_call(net, dict(other.named_buffers()), (x,))
    functional_call(net, other.state_dict(), (x,))
    assert all(torch.equal(p, before[n]) for n, p in net.named_parameters())


def test_masks_hold_after_a_move() -> None:
    """On its way to a GPU a net keeps its parameters, but gets new masks on another device."""
    net, other = masked("mlp"), masked("mlp", share=0.1)
    x, _ = samples(SPECS["mlp"])
    (hook,) = net._forward_pre_hooks.values()
    assert isinstance(hook, MaskHook)
    hook.masked = [(place, mask.to("meta")) for place, mask in hook.masked]  # where it came from
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    with pytest.raises(NotImplementedError):  # the true masks are not seen: only meta's are
        functional_call(net, other.state_dict(), (x,))
    assert all(torch.equal(p, before[n]) for n, p in net.named_parameters())
    with torch.no_grad():
        net.get_parameter("fc1.weight").add_(1)
    net(x)
    assert pruned_are_zero(dict(net.named_parameters()), masks_of(net))
    assert {mask.device.type for _, mask in hook.masked} == {"cpu"}


def test_masks_hold_after_a_way_without_memory() -> None:
    net = masked("mlp")
    state = {n: x.clone() for n, x in net.state_dict().items()}
    net.to("meta").to_empty(device="cpu").load_state_dict(state)
    with torch.no_grad():
        net.get_parameter("fc1.weight").add_(1)
    net(samples(SPECS["mlp"])[0])
    assert pruned_are_zero(dict(net.named_parameters()), masks_of(net))
    assert torch.equal(masks_of(net)["fc1.weight"], state["fc1.weight_mask"])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("family", SPECS)
def test_masks_hold_on_a_gpu(family: str) -> None:
    spec, net = SPECS[family], masked(family).to("cuda")
    optimizer = OPTIMIZERS["adam"](net.parameters())
    x, y = (part.to("cuda") for part in samples(spec))
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    net(x)
    assert {m.device.type for m in masks_of(net).values()} == {"cuda"}
    assert pruned_are_zero(dict(net.named_parameters()), masks_of(net))


def test_exported_nets_hold_no_trace_of_the_zeroing() -> None:
    net = masked("mlp")
    program = torch.export.export(net, (torch.zeros(2, 6),))
    assert not program.graph_signature.buffers_to_mutate
    assert not any("masked_fill" in str(node.target) for node in program.graph.nodes)


def test_part_of_a_larger_net() -> None:
    whole = nn.Sequential(masked("mlp"), nn.Linear(3, 2))
    optimizer = torch.optim.SGD(whole.parameters(), lr=0.1)
    x, _ = samples(SPECS["mlp"])
    whole(x).sum().backward()
    optimizer.step()
    whole(x)
    assert list(masks_of(whole)) == ["0.fc1.weight", "0.fc2.weight", "0.fc3.weight"]
    assert pruned_are_zero(whole.state_dict(), masks_of(whole))


class Attention(nn.Module):
    """Its out_proj is a layer that is never called; its two readers share one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return self.second(self.first(y).relu())


def test_layers_that_are_never_called_and_shared_weights() -> None:
    net = Attention()
    mask_net(net, random_masks(net))
    assert list(masks_of(net)) == [
        *("attention.in_proj_weight", "attention.out_proj.weight", "first.weight")
    ]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    x = torch.randn(2, 3, 4, generator=generator(0))
    net(x).sum().backward()
    optimizer.step()
    net(x)
    assert pruned_are_zero(dict(net.named_parameters()), masks_of(net))
    state, masks = plain_state(net)
    assert torch.equal(masks["second.weight"], masks["first.weight"])
    assert not any(name.endswith("_mask") for name in state)
    assert weight_counts(net).total == (48, 16, 16)


@pytest.mark.parametrize(
    ("masks", "text"),
    [
        ({"fc9.weight": torch.ones(8, 6, dtype=torch.bool)}, "'fc9.weight', but .* fc1.weight"),
        ({"fc1.weight": torch.ones(6, 8, dtype=torch.bool)}, r"\[6, 8\].* \[8, 6\]"),
        ({"fc1.weight": torch.ones(8, 6)}, "torch.float32"),
    ],
)
def test_masks_that_fit_nothing_change_nothing(masks: dict[str, Tensor], text: str) -> None:
    net = initial_net(SPECS["mlp"], rng=0)
    good = {"fc2.weight": torch.zeros(5, 8, dtype=torch.bool)}
    before = {n: x.clone() for n, x in net.state_dict().items()}
    with pytest.raises(FormatError, match=text):
        mask_net(net, good | masks)
    assert masks_of(net) == {}
    assert all(torch.equal(x, before[n]) for n, x in net.state_dict().items())


def test_other_things_of_that_name_are_not_overwritten() -> None:
    net = MLP((3, 2)).build()
    net.get_submodule("fc1").register_buffer("weight_mask", torch.ones(2, 3))
    with pytest.raises(FormatError, match="'weight_mask': rename"):
        mask_net(net, {"fc1.weight": torch.ones(2, 3, dtype=torch.bool)})


@pytest.mark.parametrize("family", SPECS)
def test_models_come_back_from_their_files(family: str, tmp_path: Path) -> None:
    spec, net, path = SPECS[family], masked(family), tmp_path / "model.pt"
    optimizer = OPTIMIZERS["adam"](net.parameters())
    steps(net, optimizer, spec, 2)  # ends with a step: pruned weights have drifted
    state, masks = plain_state(net)
    write_model(path, net=spec.spec, state=state, masks=masks)
    assert pruned_are_zero(dict(read_model(path).state), masks)
    assert list(read_model(path).state) == list(spec.build().state_dict())
    back = net_from_model(read_model(path))
    x, _ = samples(spec)
    assert torch.equal(back.eval()(x), net.eval()(x))
    assert all(torch.equal(masks_of(back)[n], m) for n, m in masks_of(net).items())


def test_models_whose_spec_is_of_another_net_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    state = MLP((4, 3, 2)).build().state_dict()
    write_model(path, net=MLP((4, 5, 2)).spec, state=state, masks={})
    with pytest.raises(FormatError, match="another net than its spec"):
        net_from_model(read_model(path))


def test_edges_are_exactly_the_kept_bits(tmp_path: Path) -> None:
    spec, net, path = SPECS["mlp"], masked("mlp"), tmp_path / "model.pt"
    at = masks_of(net)["fc2.weight"].nonzero()[0]
    with torch.no_grad():
        net.get_parameter("fc2.weight")[at[0], at[1]] = 0  # kept, and its weight is 0
    state, masks = plain_state(net)
    write_model(path, net=spec.spec, state=state, masks=masks)
    graph = load(path)
    torch.save(net.state_dict(), tmp_path / "state.pt")
    again = load(tmp_path / "state.pt")  # masks beside the weights say the same
    assert (graph.n_edges, again.n_edges) == (weight_counts(net).summary()["kept"],) * 2
    dense = graph.weights.toarray()
    kept = np.zeros(dense.shape, dtype=bool)
    for layer, (name, mask) in zip(graph.layers[1:], masks.items(), strict=True):
        before = graph.layers[graph.layers.index(layer) - 1]
        kept[before.start : before.stop, layer.start : layer.stop] = mask.T.numpy()
        weight = state[name].T.numpy()
        assert np.array_equal(dense[before.start : before.stop, layer.start : layer.stop], weight)
    pattern = graph.weights.copy()
    pattern.data[:] = 1
    assert np.array_equal(pattern.toarray() == 1, kept)


@pytest.mark.parametrize("family", ["cnn", "vgg"])
def test_edges_of_convolutions_are_kernels_with_a_kept_tap(family: str, tmp_path: Path) -> None:
    net, path = masked(family, share=0.15), tmp_path / "model.pt"
    state, masks = plain_state(net)
    write_model(path, net=SPECS[family].spec, state=state, masks=masks)
    graph = load(path)
    expected, taps = [], []
    for name, mask in masks.items():
        units = graph.block(*_ends(graph, name)).shape[0]
        slices = mask.reshape(len(mask), units, -1)  # a flattened channel is one unit
        expected.append(int(slices.any(2).sum()))
        taps.append(int(mask.sum()))
    assert graph.n_edges == sum(expected)
    assert graph.multiplicity is not None
    assert int(graph.multiplicity.sum()) == sum(taps) == sum(weight_counts(net).kept)
    assert any(n < m.shape[0] * m.shape[1] for n, m in zip(expected, masks.values(), strict=True))


def _ends(graph: NetGraph, parameter: str) -> tuple[str, str]:
    return next((b.source, b.target) for b in graph.blocks if b.parameter == parameter)


def test_kernels() -> None:
    keep = torch.tensor([[True, False], [False, True], [True, True]])
    mask = kernel_mask(torch.zeros(3, 2, 3, 3), keep)
    assert mask.shape == (3, 2, 3, 3)
    assert torch.equal(mask.flatten(2).all(2), keep)
    assert torch.equal(mask.flatten(2).any(2), keep)
    for weight, wrong in ((torch.zeros(3, 2), keep), (torch.zeros(2, 2, 3, 3), keep)):
        with pytest.raises(FormatError, match="kernels to keep"):
            kernel_mask(weight, wrong)


def test_units_take_rows_biases_and_named_columns() -> None:
    net = initial_net(SPECS["mlp"], rng=0)
    keep = torch.arange(8) % 3 != 0
    masks = unit_masks(net, "fc1", keep, following=["fc2"])
    assert list(masks) == ["fc1.weight", "fc1.bias", "fc2.weight"]
    assert torch.equal(masks["fc1.weight"], keep[:, None].expand(8, 6))
    assert torch.equal(masks["fc1.bias"], keep)
    assert torch.equal(masks["fc2.weight"], keep[None].expand(5, 8))
    flat = unit_masks(SPECS["cnn"].build(), "conv2", keep[:6], following=["fc1"])["fc1.weight"]
    assert torch.equal(flat.reshape(7, 6, 4), keep[:6, None].expand(7, 6, 4))  # 2 × 2 positions
    assert list(unit_masks(net, "fc1", keep)) == ["fc1.weight", "fc1.bias"]
    mask_net(net, masks)
    more = unit_masks(net, "fc1", torch.arange(8) < 6)  # what is pruned stays pruned
    assert torch.equal(more["fc1.bias"], keep & (torch.arange(8) < 6))


@pytest.mark.parametrize(
    ("family", "layer", "following"),
    [
        ("mlp", "fc1", ["fc2"]),
        ("cnn", "conv1", ["conv2"]),
        ("cnn", "conv2", ["fc1"]),
        ("vgg", "conv1_1", ["norm1_1", "conv1_2"]),
        ("vgg", "conv2_1", ["norm2_1", "fc1"]),
    ],
)
def test_a_net_without_some_units_is_the_smaller_net(
    family: str, layer: str, following: list[str]
) -> None:
    """Logits do not depend on values of pruned units; their parameters get no gradient."""
    net = initial_net(SPECS[family], rng=0)
    n_units = len(net.get_parameter(f"{layer}.weight"))
    keep = torch.arange(n_units) != 1
    x, y = samples(SPECS[family])
    mask_net(net, unit_masks(net, layer, keep, following=following))
    silent: list[Tensor] = []
    last_norm = [name for name in following if name.startswith("norm")]
    net.get_submodule((last_norm or [layer])[0]).register_forward_hook(
        lambda _, __, found: silent.append(found[:, 1])
    )
    net.train()
    nn.functional.cross_entropy(net(x), y).backward()
    assert bool((silent[0] == 0).all())
    pruned = weight_counts(net)
    assert sum(pruned.total) - sum(pruned.kept) == sum(
        int((~mask).sum()) for n, mask in masks_of(net).items() if mask.ndim > 1
    )


@pytest.mark.parametrize(
    ("layer", "keep", "following", "text"),
    [
        ("relu1", torch.ones(8, dtype=torch.bool), [], "'relu1' is not a layer with a weight"),
        ("fc1", torch.ones(7, dtype=torch.bool), [], r"\[7\], 'fc1' has 8"),
        ("fc1", torch.ones(8), [], "float32"),
        (
            "fc1",
            torch.ones(8, dtype=torch.bool),
            ["fc3"],
            "reads 5 units, but the mask is of 8",
        ),
    ],
)
def test_wrong_units(layer: str, keep: Tensor, following: list[str], text: str) -> None:
    with pytest.raises(FormatError, match=text):
        unit_masks(SPECS["mlp"].build(), layer, keep, following=following)


def test_transposed_and_grouped_convolutions_are_not_guessed() -> None:
    net = nn.Sequential(
        nn.Conv2d(4, 4, 1), nn.ConvTranspose2d(4, 4, 1), nn.Conv2d(4, 4, 1, groups=2)
    )
    keep = torch.tensor([True, True, False, True])
    for following in ("1", "2"):
        with pytest.raises(FormatError):
            unit_masks(net, "0", keep, following=[following])


def test_counts_are_exact() -> None:
    net = masked("cnn")
    counts, masks = weight_counts(net), masks_of(net)
    assert counts.names == ("conv1.weight", "conv2.weight", "fc1.weight", "fc2.weight")
    assert counts.total == (4 * 2 * 9, 6 * 4 * 9, 7 * 24, 3 * 7)
    assert counts.kept == tuple(int(masks[name].numpy().sum()) for name in counts.names)
    assert counts.density == sum(counts.kept) / 477
    shares = [k / t for k, t in zip(counts.kept, counts.total, strict=True)]
    assert counts.table()["density"].tolist() == shares
    assert counts.summary() == {"kept": sum(counts.kept), "total": 477, "density": counts.density}
    mask_net(net, {"conv1.bias": torch.zeros(4, dtype=torch.bool)})
    assert weight_counts(net) == counts  # biases are not counted
    dense = weight_counts(SPECS["cnn"].build())
    assert (dense.kept, dense.density) == (dense.total, 1.0)


def test_the_lengths_of_weight_norm_are_not_weights() -> None:
    norm = nn.utils.parametrizations.weight_norm
    net = nn.Sequential(norm(nn.Linear(4, 3)), norm(nn.Conv2d(2, 3, 3)))
    names = [f"{n}.parametrizations.weight.original1" for n in (0, 1)]
    assert list(prunable(net)) == names
    with pytest.warns(FutureWarning, match="weight_norm"):
        old = nn.utils.weight_norm(nn.Linear(4, 3))
    assert list(prunable(old)) == ["weight_v"]
