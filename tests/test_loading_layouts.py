"""Which axis of a weight is its outputs, and whether layers are a chain at all: read or asked."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from netsculpt import NetGraph, load, trace
from netsculpt.core.errors import FormatError, TopologyError

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


class Named(nn.Module):
    """Layers under names; the order in which they run is that of the names."""

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.children():
            x = layer(x)
        return x


def loaded(net: nn.Module | dict[str, torch.Tensor], tmp_path: Path, **masks: Any) -> NetGraph:
    torch.save(net if isinstance(net, dict) else net.state_dict(), tmp_path / "w.pt")
    return load(tmp_path / "w.pt", **masks)


def same(graph: NetGraph, expected: NetGraph) -> None:
    assert [x.n_units for x in graph.layers] == [x.n_units for x in expected.layers]
    assert [x.size for x in graph.blocks] == [x.size for x in expected.blocks]
    difference = abs(graph.weights - expected.weights)
    assert difference.max() < 1e-5
    for part in ("indices", "indptr"):
        np.testing.assert_array_equal(getattr(graph.weights, part), getattr(expected.weights, part))
    if expected.multiplicity is not None:
        np.testing.assert_array_equal(graph.multiplicity, expected.multiplicity)


def linear(n_in: int, n_out: int, *, bias: bool = True) -> nn.Linear:
    return nn.Linear(n_in, n_out, bias=bias)


def block(width: int) -> nn.Module:
    return Named(
        conv1=nn.Conv2d(width, width, 3, padding=1, bias=False),
        bn1=nn.BatchNorm2d(width),
        conv2=nn.Conv2d(width, width, 3, padding=1, bias=False),
        bn2=nn.BatchNorm2d(width),
    )


def transposed(*sizes: int, bias: bool = True) -> nn.ConvTranspose2d:
    n_in, n_out, kernel = sizes
    return nn.ConvTranspose2d(n_in, n_out, kernel, bias=bias)


IMAGE = torch.zeros(1, 16, 5, 5)
TOKENS = torch.zeros(1, 4, dtype=torch.int64)

READ: dict[str, tuple[nn.Module, torch.Tensor]] = {
    "biases tell": (nn.Sequential(transposed(16, 8, 4), nn.ReLU(), transposed(8, 16, 4)), IMAGE),
    "a norm tells": (
        nn.Sequential(
            transposed(16, 8, 4, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            transposed(8, 4, 3, bias=False),
        ),
        IMAGE,
    ),
    "the only one that fits": (
        nn.Sequential(transposed(16, 8, 4), nn.ReLU(), transposed(8, 4, 3, bias=False)),
        IMAGE,
    ),
    "a name tells": (
        Named(conv1=nn.Conv2d(16, 8, 3), deconv=transposed(8, 8, 2), conv2=nn.Conv2d(8, 3, 3)),
        IMAGE,
    ),
    "another name": (
        Named(conv1=nn.Conv2d(16, 8, 3), ConvTranspose_0=transposed(8, 8, 3)),
        IMAGE,
    ),
    "autoencoder": (
        Named(
            encoder=nn.Sequential(nn.Conv2d(16, 8, 2, 2), nn.ReLU(), nn.Conv2d(8, 4, 2)),
            decoder=nn.Sequential(transposed(4, 8, 2), nn.ReLU(), transposed(8, 16, 2)),
        ),
        IMAGE,
    ),
    "embedding": (Named(embedding=nn.Embedding(16, 16), fc=linear(16, 4)), TOKENS),
    "wide embedding": (Named(tok_emb=nn.Embedding(9, 5), fc=linear(5, 4, bias=False)), TOKENS),
    "conv 1-D": (
        nn.Sequential(
            nn.Conv1d(3, 8, 5), nn.ReLU(), nn.Conv1d(8, 6, 3), nn.Flatten(), linear(24, 3)
        ),
        torch.zeros(1, 3, 10),
    ),
    "transposed conv 1-D": (
        nn.Sequential(nn.ConvTranspose1d(8, 4, 4), nn.ReLU(), nn.ConvTranspose1d(4, 8, 4)),
        torch.zeros(1, 8, 5),
    ),
    "conv 3-D": (
        Named(conv=nn.Conv3d(2, 4, 3), flatten=nn.Flatten(), fc=linear(32, 3)),
        torch.zeros(1, 2, 4, 4, 4),
    ),
    "square kernels of a classifier": (
        Named(
            features=nn.Sequential(nn.Conv2d(16, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3)),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(linear(8, 8), nn.ReLU(), linear(8, 3)),
        ),
        IMAGE,
    ),
    "equal hidden layers": (
        Named(fc1=linear(5, 8), fc2=linear(8, 8), fc3=linear(8, 8), out=linear(8, 2)),
        torch.zeros(1, 5),
    ),
    "squares of a list": (
        nn.Sequential(linear(6, 6), nn.ReLU(), linear(6, 6)),
        torch.zeros(1, 6),
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_the_graph_is_that_of_the_net(kind: str, tmp_path: Path) -> None:
    net, example = READ[kind]
    same(loaded(net, tmp_path), trace(net, example))


def test_masks_and_sparse_weights_turn_with_their_weight(tmp_path: Path) -> None:
    net = nn.Sequential(transposed(6, 4, 2), nn.ReLU(), transposed(4, 6, 2))
    keep = {f"{name}_mask": torch.rand(x.shape) < 0.4 for name, x in net.named_parameters()
            if x.ndim > 1}  # fmt: skip
    state = net.state_dict()
    masked = {**state, **keep}
    for name, mask in keep.items():
        state[name.removesuffix("_mask")] *= mask
    expected = trace(net, torch.zeros(1, 6, 3, 3))
    same(loaded(masked, tmp_path), expected)
    same(loaded({k: x.to_sparse() if x.ndim > 1 else x for k, x in state.items()}, tmp_path),
         expected)  # fmt: skip
    said = loaded(masked, tmp_path).provenance[0].parameters["layouts"]
    assert said == {
        "0.weight": "[in, out] by its bias of 4",
        "2.weight": "[in, out] by its bias of 6",
    }


def _residual(**layers: nn.Module) -> nn.Module:
    return Named(inp=linear(4, 8), layers=nn.ModuleList([Named(**layers) for _ in range(2)]),
                 out=linear(8, 3))  # fmt: skip


ASKED: dict[str, tuple[Any, str]] = {
    "no bias": (
        nn.Sequential(transposed(16, 8, 4, bias=False), transposed(8, 16, 4, bias=False)),
        r"'0\.weight' \[16, 8, 4, 4\] fits .* as a convolution .* and as a transposed convolution",
    ),
    "square kernel": (
        nn.Sequential(nn.Conv2d(3, 8, 3), transposed(8, 8, 2), nn.Conv2d(8, 3, 3)),
        r"'1\.weight' \[8, 8, 2, 2\] fits",
    ),
    "odd square kernel": (
        nn.Sequential(nn.Conv2d(3, 8, 3), transposed(8, 8, 3), nn.Conv2d(8, 3, 3)),
        r"'1\.weight' \[8, 8, 3, 3\] fits",
    ),
    "a name that doubts": (
        Named(conv1=nn.Conv2d(3, 8, 3), up=transposed(8, 8, 3), fc=linear(8, 2)),
        r"'up\.weight' .* transposed convolution",
    ),
    "groups": (
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ConvTranspose2d(8, 6, 2, groups=2)),
        "has a bias .* of 6, which is neither of its sizes",
    ),
    "embedding": (
        nn.Sequential(nn.Embedding(16, 16), linear(16, 4)),
        r"'0\.weight' \[16, 16\] fits .* linear layer .* and as an embedding",
    ),
    "embedding without biases": (
        nn.Sequential(nn.Embedding(16, 16), linear(16, 4, bias=False)),
        "as an embedding",
    ),
    "embedding that is flattened": (
        nn.Sequential(nn.Embedding(16, 8), nn.Flatten(), linear(16, 4)),
        "as an embedding",
    ),
    "embedding of another size": (
        nn.Sequential(nn.Embedding(100, 8), linear(8, 4)),
        r"100 outputs, not the 8 .*'0\.weight' \[100, 8\] would fit as an embedding",
    ),
    "named embedding that is flattened": (
        Named(emb=nn.Embedding(16, 8), fc=linear(40, 4)),
        "takes 5 tokens at a time",
    ),
    "two embeddings": (
        Named(tok_emb=nn.Embedding(8, 8), pos_emb=nn.Embedding(8, 8), fc=linear(8, 4)),
        r"'pos_emb\.weight' .* lies next to others",
    ),
    "bilinear": (Named(form=nn.Bilinear(4, 4, 8), fc=linear(8, 2)), r"\[8, 4, 4\]: its name"),
    "depthwise first": (
        nn.Sequential(nn.Conv2d(3, 3, 3, groups=3), nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 3)),
        "or be a depthwise convolution of 3|fits the chain as",
    ),
    "raw matrices": (
        {"w1": torch.randn(8, 8), "w2": torch.randn(8, 8)},
        r"fit both as \[out, in\] and as \[in, out\]",
    ),
    "indices": (
        {**nn.Linear(4, 3).state_dict(), "fc.indices": torch.zeros(2, 7, dtype=torch.int64)},
        r"'fc\.indices' .* is int64",
    ),
    "all-square residual MLP": (
        Named(fc1=linear(8, 8), fc2=linear(8, 8), fc3=linear(8, 8)),
        "all 3 weights are 8 × 8",
    ),
    "residual blocks": (_residual(fc1=linear(8, 8), fc2=linear(8, 8)), r"'layers\.0' .* a sum may"),
    "residual blocks of other widths inside": (
        _residual(fc1=linear(8, 16), fc2=linear(16, 8)), r"'layers\.0' .* a sum may",
    ),
    "norm first": (_residual(norm=nn.LayerNorm(8), fc=linear(8, 8)), r"'layers\.0' .* a sum may"),
    "blocks in lists": (
        Named(
            blocks=nn.ModuleList([nn.Sequential(linear(8, 8), nn.ReLU(), linear(8, 8))] * 2),
            head=linear(8, 3),
        ),
        r"'blocks\.0' .* a sum may",
    ),
    "ResNet of shortcuts without weights": (
        Named(conv1=nn.Conv2d(3, 16, 3), layer1=nn.Sequential(block(16), block(16)),
              fc=linear(16, 10)),
        r"'layer1\.0' .* a sum may",
    ),
    "one residual block": (
        Named(conv1=nn.Conv2d(3, 16, 3), layer1=nn.Sequential(block(16)), fc=linear(16, 10)),
        "a sum may bypass",
    ),
    "two branches": (Named(a=linear(8, 8), b=linear(8, 8)), "lie side by side"),
    "named branches": (
        Named(branch1=linear(8, 8), branch2=linear(8, 8), out=linear(8, 3)), "another branch",
    ),
    "left and right": (Named(left=linear(8, 8), right=linear(8, 8), out=linear(8, 3)), "branch"),
    "actor and critic": (Named(fc=linear(4, 8), actor=linear(8, 8), critic=linear(8, 1)),
                         "lie side by side"),
    "mean and variance": (
        Named(fc1=linear(9, 4), mu=linear(4, 4), logvar=linear(4, 4), out=linear(4, 9)),
        "lie side by side",
    ),
    "heads": (Named(fc=linear(4, 8), head1=linear(8, 8), head2=linear(8, 8)), "heads side by side"),
    "gated": (
        Named(gate_proj=linear(8, 8), up_proj=linear(8, 8), down_proj=linear(8, 8)),
        r"'gate_proj\.weight' .* branch",
    ),
    "kernels side by side": (
        Named(stem=nn.Conv2d(3, 8, 3), conv1x1=nn.Conv2d(8, 8, 1), conv3x3=nn.Conv2d(8, 8, 3),
              fc=linear(8, 2)),
        "kernels side by side",
    ),
    "numbers fall": (
        Named(fc2=linear(8, 8), fc1=linear(8, 8), out=linear(8, 3)), "against the numbers",
    ),
    "last first": (
        Named(head=linear(8, 8), fc1=linear(8, 8), fc2=linear(8, 3)), "last layer by its name",
    ),
    "first last": (
        Named(fc1=linear(5, 8), fc2=linear(8, 8), stem=linear(8, 8)), "first layer by its name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ASKED)
def test_where_two_readings_fit_the_user_is_asked(kind: str, tmp_path: Path) -> None:
    net, message = ASKED[kind]
    with pytest.raises(TopologyError, match=message) as caught:
        loaded(net, tmp_path)
    assert caught.value.exit_code == 5
    text = str(caught.value)
    assert "--model pkg.module:factory" in text or "netsculpt.from_matrices([W1.T" in text


def arrays(*widths: int) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(a, b)) for a, b in pairwise(widths)]


def saved(tmp_path: Path, *listed: NDArray[Any], **named: NDArray[Any]) -> Path:
    np.savez(tmp_path / "w.npz", *listed, **named)
    return tmp_path / "w.npz"


def test_matrices_of_other_libraries_whose_transposes_fit(tmp_path: Path) -> None:
    first, second = arrays(20, 7, 3)
    for path in (
        saved(tmp_path, first, second),
        saved(tmp_path, **{"params/Dense_0/kernel": first, "params/Dense_1/kernel": second}),
        saved(tmp_path, coefs_0=first, coefs_1=second),
    ):
        with pytest.raises(TopologyError, match=r"not fit as \[out, in\]; they do as \[in, out\]"):
            load(path)
    assert load(saved(tmp_path, first.T, second.T)).n_edges == first.size + second.size
    remedy = load(saved(tmp_path, **{"fc1.weight": first.T, "fc2.weight": second.T}))
    np.testing.assert_allclose(remedy.block("input", "fc1").toarray(), first, rtol=1e-6)


def test_matrices_that_fit_both_ways(tmp_path: Path) -> None:
    for widths in ((8, 8, 8), (4, 8, 4), (5, 5, 5, 5)):
        with pytest.raises(TopologyError, match="fit both as") as caught:
            load(saved(tmp_path, *arrays(*widths)))
        assert "W1.T" in str(caught.value)
        assert "'fc1.weight'" in str(caught.value)
    named = {f"fc{i}.weight": x for i, x in enumerate(arrays(4, 8, 4))}
    assert [x.n_units for x in load(saved(tmp_path, **named)).layers] == [8, 4, 8]


def test_biases_of_other_libraries_tell(tmp_path: Path) -> None:
    first, second = arrays(20, 7, 3)
    biases = np.ones(7), np.ones(3)
    for path in (
        saved(tmp_path, coefs_0=first, coefs_1=second, intercepts_0=biases[0],
              intercepts_1=biases[1]),
        saved(tmp_path, **{"Dense_0.kernel": first, "Dense_0.bias": biases[0],
                           "Dense_1.kernel": second, "Dense_1.bias": biases[1]}),
    ):  # fmt: skip
        graph = load(path)
        assert [x.n_units for x in graph.layers] == [20, 7, 3]
        names = [x.name for x in graph.layers]
        np.testing.assert_allclose(graph.block(*names[1:]).toarray(), second, rtol=1e-6)


def test_conv1d_of_gpt2_is_told_by_its_biases(tmp_path: Path) -> None:
    widen, narrow = torch.randn(8, 32), torch.randn(32, 8)
    state = {"mlp.c_fc.weight": widen, "mlp.c_fc.bias": torch.zeros(32),
             "mlp.c_proj.weight": narrow, "mlp.c_proj.bias": torch.zeros(8)}  # fmt: skip
    graph = loaded(state, tmp_path)
    np.testing.assert_allclose(graph.block("input", "mlp.c_fc").toarray(), widen.numpy())
    np.testing.assert_allclose(graph.block("mlp.c_fc", "mlp.c_proj").toarray(), narrow.numpy())


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.bool, torch.uint8])
def test_statistics_of_whole_numbers_are_not_weights(dtype: torch.dtype, tmp_path: Path) -> None:
    net = nn.Sequential(linear(4, 3), nn.ReLU(), linear(3, 2))
    state = {**net.state_dict(), "1.counts": torch.ones(3, 7, dtype=dtype)}
    same(loaded(state, tmp_path), trace(net, torch.zeros(1, 4)))


KERNEL_NAMES = ["Conv_{}.kernel", "params/Conv_{}/kernel", "conv2d_{}/kernel:0"]


@pytest.mark.parametrize("name", KERNEL_NAMES)
@pytest.mark.parametrize("shapes", [[(3, 3, 4, 8)], [(3, 3, 4, 8), (3, 3, 8, 2)], [(5, 5, 1, 5)]])
def test_kernels_of_flax_are_not_read_as_those_of_torch(
    name: str, shapes: list[tuple[int, ...]], tmp_path: Path
) -> None:
    path = tmp_path / "flax.npz"
    np.savez(path, **{name.format(i): np.ones(x) for i, x in enumerate(shapes)})  # type: ignore[arg-type]
    with pytest.raises(TopologyError, match=r"flax or Keras.*transpose\(3, 2, 0, 1\)"):
        load(path)
    turned = [np.ones(x).transpose(3, 2, 0, 1) for x in shapes]
    torch_axes: dict[str, Any] = {f"conv{i}.weight": x for i, x in enumerate(turned)}
    np.savez(path, **torch_axes)
    sizes = [shapes[0][2], *(x[3] for x in shapes)]
    assert [x.n_units for x in load(path).layers] == sizes


def test_kernels_whose_window_is_last_are_those_of_torch(tmp_path: Path) -> None:
    arrays = {"blur.kernel": np.ones((8, 3, 3, 3)), "blur.bias": np.ones(8)}
    np.savez(tmp_path / "w.npz", **arrays)  # type: ignore[arg-type]
    assert [x.n_units for x in load(tmp_path / "w.npz").layers] == [3, 8]


@pytest.mark.parametrize("masks", [{"0": torch.ones(4)}, [torch.ones(4), torch.ones(2)]])
def test_masks_of_units_are_answered_with_masks_of_weights(masks: Any, tmp_path: Path) -> None:
    torch.save(masks, tmp_path / "k.pt")
    net = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    with pytest.raises(FormatError, match=r"vectors only .*mask\[:, None\]"):
        loaded(net, tmp_path, mask=tmp_path / "k.pt")


def test_checkpoints_of_several_nets_name_what_to_save(tmp_path: Path) -> None:
    state = nn.Linear(3, 2).state_dict()
    with pytest.raises(FormatError, match=r"critic, generator have tensors: .*\['generator'\]"):
        loaded({"generator": state, "critic": state, "step": 3}, tmp_path)  # type: ignore[dict-item]
