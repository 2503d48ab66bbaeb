"""Weights of a file in a live net: its graph is that of the saved net."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from traced_nets import same

import netsculpt
from netsculpt.core.errors import FormatError, LimitError, TopologyError, UnsafeFileError
from netsculpt.files.model import write_model
from netsculpt.loading import load_into
from netsculpt.nets.families import MLP, initial_net
from netsculpt.nets.masks import mask_net, masks_of, plain_state
from netsculpt.tracing import trace


class Residual(nn.Module):
    """A strided block with a projection on its shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(4)
        self.shortcut = nn.Sequential(nn.Conv2d(2, 4, 1, stride=2, bias=False), nn.BatchNorm2d(4))
        self.fc = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return self.fc((y + self.shortcut(x)).relu().mean((2, 3)))


class MaskedLinear(nn.Linear):
    """Masks as in the code of many papers."""

    def __init__(self, n_in: int, n_out: int, name: str, dtype: torch.dtype) -> None:
        super().__init__(n_in, n_out)
        self.called = name
        self.register_buffer(name, torch.ones(n_out, n_in, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight * getattr(self, self.called), self.bias)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x).relu())


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 3))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 4, 3, groups=2), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip


NETS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "mlp": (mlp, torch.zeros(1, 5)),
    "cnn": (cnn, torch.zeros(1, 2, 8, 8)),
    "residual": (Residual, torch.zeros(1, 2, 8, 8)),
}


def unstructured(layer: nn.Module) -> None:
    prune.random_unstructured(layer, "weight", amount=0.6)


def structured(layer: nn.Module) -> None:
    prune.ln_structured(layer, "weight", amount=0.4, n=2, dim=1)
    prune.random_unstructured(layer, "weight", amount=0.3)


def custom(layer: nn.Module) -> None:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    prune.custom_from_mask(layer, "weight", torch.rand(weight.shape) < 0.5)


def weighted(net: nn.Module) -> list[nn.Module]:
    return [layer for layer in net.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]


def pruned(kind: str, how: Callable[[nn.Module], None]) -> nn.Module:
    """A pruned net with statistics, some of whose kept weights are exactly 0."""
    torch.manual_seed(3)
    net = NETS[kind][0]()
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_var = torch.rand(layer.num_features) + 0.5
                layer.weight.copy_(torch.randn(layer.num_features))
        for layer in weighted(net):
            assert isinstance(layer.weight, Tensor)
            layer.weight.view(-1)[::3] = 0
            how(layer)
    return net


def saved(state: dict[str, Tensor], path: Path) -> Path:
    if path.suffix == ".safetensors":
        save_file({name: x.contiguous() for name, x in state.items()}, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("how", [unstructured, structured, custom])
@pytest.mark.parametrize("kind", NETS)
def test_masks_of_torch_give_the_same_graph(
    kind: str, how: Callable[[nn.Module], None], tmp_path: Path
) -> None:
    factory, example = NETS[kind]
    net = pruned(kind, how)
    graph = trace(net, example)
    n_kept = sum(int(x.sum()) for name, x in net.named_buffers() if name.endswith("_mask"))
    assert graph.n_parameters == n_kept
    assert kind != "mlp" or (graph.weights.data == 0).any(), "a kept weight may be 0"
    x = torch.rand(4, *example.shape[1:])
    for ending in ("pt", "safetensors"):
        path = saved(net.state_dict(), tmp_path / f"weights.{ending}")
        fresh = factory()
        loaded = load_into(fresh, path)
        same(trace(fresh, example), graph)
        assert loaded.parameters["edges"] == "mask"
        assert loaded.input_hash == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        torch.testing.assert_close(fresh.eval()(x), net.eval()(x))


def test_the_net_may_be_pruned_itself(tmp_path: Path) -> None:
    factory, example = NETS["residual"]
    net = pruned("residual", unstructured)
    graph = trace(net, example)
    path = saved(net.state_dict(), tmp_path / "weights.pt")
    fresh = factory()
    for layer in weighted(fresh):
        structured(layer)
    load_into(fresh, path)
    same(trace(fresh, example), graph)
    masked = factory()
    mask_net(masked, {x: torch.rand(y.shape) < 0.5 for x, y in masked.named_parameters()})
    load_into(masked, path)
    same(trace(masked, example), graph)


def test_a_file_without_masks_overrules_masks_of_the_net(tmp_path: Path) -> None:
    net = pruned("mlp", unstructured)
    for layer in weighted(net):
        prune.remove(layer, "weight")
    path = saved(net.state_dict(), tmp_path / "weights.pt")
    graph = trace(net, torch.zeros(1, 5))
    fresh, masked = mlp(), mlp()
    for layer in weighted(fresh):
        unstructured(layer)
    mask_net(masked, {x: torch.rand(y.shape) < 0.5 for x, y in masked.named_parameters()})
    for one in (fresh, masked):
        assert load_into(one, path).parameters["edges"] == "nonzero"
        same(trace(one, torch.zeros(1, 5)), graph)
        torch.testing.assert_close(one(torch.ones(2, 5)), net(torch.ones(2, 5)))


def test_a_chain_is_what_load_makes_of_it(tmp_path: Path) -> None:
    net = pruned("mlp", unstructured)
    path = saved(net.state_dict(), tmp_path / "weights.pt")
    fresh = mlp()
    load_into(fresh, path)
    same(trace(fresh, torch.zeros(1, 5)), netsculpt.load(path))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.module."])
def test_prefixes_of_wrappers(prefix: str, tmp_path: Path) -> None:
    net = pruned("mlp", unstructured)
    state = {f"{prefix}{name}": x for name, x in net.state_dict().items()}
    path = saved({"state_dict": state, "epoch": torch.tensor(3)}, tmp_path / "w.pt")  # type: ignore[dict-item]
    example = NETS["mlp"][1]
    fresh, wrapped = mlp(), nn.DataParallel(mlp())
    load_into(fresh, path)
    load_into(wrapped, path)
    graph = netsculpt.load(path)
    same(trace(fresh, example), graph)
    same(trace(wrapped.module, example), graph)


def test_our_own_model_file(tmp_path: Path) -> None:
    spec = MLP((4, 6, 2))
    net = initial_net(spec, rng=0)
    mask_net(net, {"fc1.weight": torch.rand(6, 4) < 0.5})
    state, masks = plain_state(net)
    write_model(tmp_path / "model.pt", net=spec.spec, state=state, masks=masks)
    fresh = initial_net(spec, rng=1)
    load_into(fresh, tmp_path / "model.pt")
    same(trace(fresh, torch.zeros(1, 4)), netsculpt.load(tmp_path / "model.pt"))
    assert list(masks_of(fresh)) == ["fc1.weight"]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("mask", torch.float32), ("weight_mask", torch.float32), ("_weight_mask", torch.bool)],
)
def test_masks_in_the_nets_own_code(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    def factory() -> nn.Module:
        return nn.Sequential(MaskedLinear(4, 6, name, dtype), MaskedLinear(6, 2, name, dtype))

    net, masks = factory(), [torch.rand(6, 4) < 0.5, torch.rand(2, 6) < 0.5]
    with torch.no_grad():
        for layer, mask in zip(net, masks, strict=True):  # type: ignore[call-overload]
            getattr(layer, name).copy_(mask)
            layer.weight[:, 0] = 0
    path = saved(net.state_dict(), tmp_path / "w.pt")
    graph = trace(net, torch.zeros(1, 4))
    assert graph.n_edges == sum(int(mask.sum()) for mask in masks)
    fresh = factory()
    with torch.no_grad():
        for layer in fresh:
            getattr(layer, name).copy_(torch.rand(layer.weight.shape) < 0.5)
    load_into(fresh, path)
    same(trace(fresh, torch.zeros(1, 4)), graph)

    plain = saved({k: x for k, x in net.state_dict().items() if "mask" not in k}, tmp_path / "p.pt")
    torch.save(masks, tmp_path / "masks.pt")
    load_into(fresh, plain, mask=tmp_path / "masks.pt")
    same(trace(fresh, torch.zeros(1, 4)), graph)
    load_into(fresh, plain)
    assert trace(fresh, torch.zeros(1, 4)).n_edges == 6 * 3 + 2 * 5, "no mask: what is not 0"


class OrigMask(nn.Module):
    """A hand-made layer with the names of torch's pruning."""

    def __init__(self) -> None:
        super().__init__()
        self.weight_orig = nn.Parameter(torch.randn(2, 3))
        self.register_buffer("weight_mask", torch.ones(2, 3))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight_orig * self.weight_mask)


def test_names_of_torch_without_its_pruning(tmp_path: Path) -> None:
    net = OrigMask()
    net.weight_mask[0, :2] = 0
    with torch.no_grad():
        net.weight_orig[1, 1] = 0
    graph = trace(net, torch.zeros(1, 3))
    path = saved(net.state_dict(), tmp_path / "w.pt")
    fresh = OrigMask()
    load_into(fresh, path)
    same(trace(fresh, torch.zeros(1, 3)), graph)
    assert graph.n_edges == 4


def test_mask_file(tmp_path: Path) -> None:
    net = Residual()
    masks = {x: torch.rand(y.shape) < 0.5 for x, y in net.named_parameters() if y.ndim > 1}
    path = saved(
        net.state_dict(), tmp_path / "w.safetensors"
    )  # sorted by name, not in the net's order
    torch.save(list(masks.values()), tmp_path / "list.pt")
    torch.save(masks, tmp_path / "dict.pt")
    mask_net(net, masks)
    graph = trace(net, NETS["residual"][1])
    for beside in ("list.pt", "dict.pt"):
        fresh = Residual()
        loaded = load_into(fresh, path, mask=tmp_path / beside)
        same(trace(fresh, NETS["residual"][1]), graph)
        assert loaded.parameters["mask"] == beside
        assert str(loaded.parameters["mask_hash"]).startswith("sha256:")


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("layout", ["coo", "csr", "csc"])
def test_sparse_tensors_keep_stored_zeros(layout: str, tmp_path: Path) -> None:
    dense = torch.tensor([[0.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
    keep = torch.tensor([[True, True, False], [True, False, False]])
    coo = torch.sparse_coo_tensor(keep.nonzero().T, dense[keep], dense.shape)
    weight = {"coo": coo, "csr": coo.to_sparse_csr(), "csc": coo.to_sparse_csc()}[layout]
    torch.save({"weight": weight, "bias": torch.zeros(2)}, tmp_path / "w.pt")
    net = nn.Linear(3, 2)
    assert load_into(net, tmp_path / "w.pt").parameters["edges"] == "stored"
    graph = trace(net, torch.zeros(1, 3))
    same(graph, replace(graph, weights=netsculpt.load(tmp_path / "w.pt").weights))
    assert graph.n_edges == 3


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_sparse_kernel(tmp_path: Path) -> None:
    dense = torch.zeros(2, 3, 2, 2)
    dense[0, 1, 1, 0], dense[1, 2, 0, 1] = 2.0, -3.0
    torch.save({"weight": dense.to_sparse(), "bias": torch.zeros(2)}, tmp_path / "w.pt")
    net = nn.Conv2d(3, 2, 2)
    load_into(net, tmp_path / "w.pt")
    assert torch.equal(net.weight, dense)


def test_tied_weights(tmp_path: Path) -> None:
    net = Tied()
    mask_net(net, {"a.weight": torch.rand(4, 4) < 0.5})
    graph = trace(net, torch.zeros(1, 4))
    path = saved(net.state_dict(), tmp_path / "w.pt")
    state = {k: x for k, x in net.state_dict().items() if k != "b.weight"}
    for file in (path, saved(state, tmp_path / "once.safetensors")):
        fresh = Tied()
        load_into(fresh, file)
        assert fresh.a.weight is fresh.b.weight
        same(trace(fresh, torch.zeros(1, 4)), graph)


def test_tied_weights_that_differ(tmp_path: Path) -> None:
    state = {name: x.clone() for name, x in Tied().state_dict().items()}
    state["b.weight"][0, 0] += 1
    with pytest.raises(TopologyError, match=r"a\.weight, b\.weight are one tensor in the net"):
        load_into(Tied(), saved(state, tmp_path / "w.pt"))
    other = Tied()
    with torch.no_grad():
        other.a.weight[0] = 0
    mask = torch.ones(4, 4)
    state = {**other.state_dict(), "a.weight_mask": mask, "b.weight_mask": mask.clone()}
    state["b.weight_mask"][0] = 0  # the same values, other edges
    with pytest.raises(TopologyError, match="they or their masks differ"):
        load_into(Tied(), saved(state, tmp_path / "other.pt"))
    half = Tied()
    prune.random_unstructured(half.b, "weight", amount=0.5)  # which unties them in effect
    with pytest.raises(TopologyError, match="they or their masks differ"):
        load_into(Tied(), saved(half.state_dict(), tmp_path / "half.pt"))


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_weight_norm_on_either_side(tmp_path: Path) -> None:
    def normed() -> nn.Module:
        return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))

    def plain() -> nn.Module:
        return nn.Sequential(nn.Linear(3, 2))

    def older() -> nn.Module:
        return nn.Sequential(nn.utils.weight_norm(nn.Linear(3, 2)))

    net = normed()
    graph = trace(net, torch.zeros(1, 3))
    with_norm = saved(net.state_dict(), tmp_path / "normed.pt")
    parametrize.remove_parametrizations(net[0], "weight")  # type: ignore[index]
    without = saved(net.state_dict(), tmp_path / "plain.pt")
    state = net.state_dict()
    state["0.weight_v"] = 3 * state["0.weight"]
    state["0.weight_g"] = state.pop("0.weight").norm(dim=1, keepdim=True)
    with_older = saved(state, tmp_path / "older.pt")
    for factory in (normed, plain, older):
        for path in (with_norm, without, with_older):
            fresh = factory()
            load_into(fresh, path)
            found = trace(fresh, torch.zeros(1, 3))
            assert found.blocks == graph.blocks
            assert np.allclose(found.weights.toarray(), graph.weights.toarray())


def test_half_precision_and_counters(tmp_path: Path) -> None:
    net = cnn()
    state = {
        k: x.bfloat16() if x.is_floating_point() else x
        for k, x in net.state_dict().items()
        if not k.endswith("num_batches_tracked")
    }
    fresh = cnn()
    load_into(fresh, saved(state, tmp_path / "w.pt"))
    assert torch.equal(fresh[0].weight, net[0].weight.bfloat16().float())  # type: ignore[index]


def test_another_net(tmp_path: Path) -> None:
    path = saved(cnn().state_dict(), tmp_path / "w.pt")
    other = cnn()
    other[8] = nn.Linear(16, 5)  # type: ignore[index,operator]
    other.add_module("head", nn.Linear(3, 2))
    other[1] = nn.Identity()  # type: ignore[index,operator]
    before = [x.clone() for x in other.state_dict().values()]
    with pytest.raises(TopologyError) as caught:
        load_into(other, path)
    told = str(caught.value)
    assert caught.value.exit_code == 5
    assert "only the net has: head.bias, head.weight" in told
    assert "only the file has: 1.bias, 1.num_batches_tracked, 1.running_mean" in told
    assert "8.weight (file [3, 16], net [5, 16])" in told
    assert all(map(torch.equal, before, other.state_dict().values()))


def test_missing_statistics(tmp_path: Path) -> None:
    state = {k: x for k, x in cnn().state_dict().items() if "running_var" not in k}
    with pytest.raises(TopologyError, match=r"only the net has: 1\.running_var, 5\.running_var"):
        load_into(cnn(), saved(state, tmp_path / "w.pt"))


@pytest.mark.parametrize("name", ["0.bias", "1.weight", "1.running_var"])
def test_biases_scales_and_statistics_are_finite(name: str, tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    state = net.state_dict()
    state[name][1] = torch.nan
    path = saved(state, tmp_path / "w.pt")
    with pytest.raises(FormatError, match=rf"are NaN or infinite, in '{name}' \(1\).*--allow"):
        load_into(net, path)
    load_into(net, path, allow_nonfinite=True)
    assert net.state_dict()[name].isnan().sum() == 1


def test_masks_of_attention_may_be_infinite(tmp_path: Path) -> None:
    net = mlp()
    net.register_buffer("causal", torch.full((2, 2), -torch.inf).triu(1))
    load_into(net, saved(net.state_dict(), tmp_path / "w.pt"))


def test_nonfinite_weights(tmp_path: Path) -> None:
    net = mlp()
    with torch.no_grad():
        net[2].weight[0, :3] = torch.tensor([torch.nan, torch.inf, 0])  # type: ignore[index]
    path = saved(net.state_dict(), tmp_path / "w.pt")
    fresh = mlp()
    with pytest.raises(
        FormatError, match=r"has 2 weights whose value is NaN .*'2\.weight' \(2\).*--allow"
    ):
        load_into(fresh, path)
    loaded = load_into(fresh, path, allow_nonfinite=True)
    assert loaded.parameters["nonfinite_dropped"] == 2
    graph = trace(fresh, torch.zeros(1, 5))
    assert graph.n_edges == 5 * 7 + 7 * 6 + 6 * 3 - 3
    assert np.isfinite(graph.weights.data).all()
    mask = torch.isfinite(net[2].weight) & (net[2].weight != 0)  # type: ignore[index]
    prune.custom_from_mask(net[2], "weight", mask)  # type: ignore[index]
    load_into(fresh, saved(net.state_dict(), tmp_path / "pruned.pt"))  # no edge is NaN
    same(trace(fresh, torch.zeros(1, 5)), graph)


def test_masks_of_norms_count_too(tmp_path: Path) -> None:
    net = cnn()
    prune.random_unstructured(net[1], "weight", amount=3)  # type: ignore[index]
    fresh = cnn()
    load_into(fresh, saved(net.state_dict(), tmp_path / "w.pt"))
    same(trace(fresh, NETS["cnn"][1]), trace(net, NETS["cnn"][1]))


def test_what_says_itself_how_it_is_connected(tmp_path: Path) -> None:
    netsculpt.save(netsculpt.from_matrices([np.eye(2)]), tmp_path / "graph.npz")
    program = torch.export.export(nn.Linear(3, 2), (torch.zeros(1, 3),))
    torch.export.save(program, tmp_path / "program.pt2")
    for name in ("graph.npz", "program.pt2"):
        with pytest.raises(FormatError, match="leave out --model"):
            load_into(mlp(), tmp_path / name)


def test_what_cannot_be_filled(tmp_path: Path) -> None:
    path = saved({"weight": torch.ones(2, 3), "bias": torch.ones(2)}, tmp_path / "w.pt")
    with pytest.raises(TopologyError, match="lazy layer"):
        load_into(nn.LazyLinear(2), path)
    with pytest.raises(TopologyError, match="meta device"):
        load_into(nn.Linear(3, 2, device="meta"), path)
    with pytest.raises(LimitError, match="max_bytes"):
        load_into(nn.Linear(3, 2), path, max_bytes=8)
    net = nn.BatchNorm1d(2)
    state = {**net.state_dict(), "num_batches_tracked": torch.tensor(0.5)}
    with pytest.raises(FormatError, match="cannot represent its values"):
        load_into(net, saved(state, tmp_path / "counter.pt"))


class Canary:
    def __reduce__(self) -> tuple[object, ...]:
        return open, ("canary", "w")


def test_no_code_of_the_file_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": torch.ones(2, 3), "x": Canary()}, "w.pt")
    with pytest.raises(UnsafeFileError):
        load_into(nn.Linear(3, 2), "w.pt")
    assert not Path("canary").exists()
