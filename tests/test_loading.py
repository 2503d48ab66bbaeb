"""Every format and wrapping of a network loads as the same graph."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import subprocess
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from netsculpt import NetGraph, from_matrices
from netsculpt.core.catalog import modules as catalogue
from netsculpt.core.errors import FormatError, TopologyError
from netsculpt.files import torch_zip
from netsculpt.files.model import write_model
from netsculpt.files.source import Source
from netsculpt.graph.npz import save
from netsculpt.loading import load
from netsculpt.nets.families.lstm import LSTM

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")  # torch's, where tests make such tensors

WIDTHS = [5, 7, 7, 3]
NAMES = ["fc1", "fc2", "fc3"]


@pytest.fixture
def weights() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(n_out, n_in, generator=generator) for n_in, n_out in pairwise(WIDTHS)]


@pytest.fixture
def masks(weights: list[torch.Tensor]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    chosen = [torch.rand(w.shape, generator=generator) < 0.5 for w in weights]
    for weight, mask in zip(weights, chosen, strict=True):
        weight[tuple(mask.nonzero()[0])] = 0.0  # kept, and zero: an edge
    return chosen


@pytest.fixture
def expected(weights: list[torch.Tensor], masks: list[torch.Tensor]) -> NetGraph:
    return from_matrices(weights, masks, names=["input", *NAMES])


def state_of(weights: list[torch.Tensor], prefix: str = "") -> OrderedDict[str, torch.Tensor]:
    state = OrderedDict()
    for name, weight in zip(NAMES, weights, strict=True):
        state[f"{prefix}{name}.weight"] = weight
        state[f"{prefix}{name}.bias"] = torch.ones(len(weight))
    return state


def zeroed(weights: list[torch.Tensor], masks: list[torch.Tensor]) -> list[torch.Tensor]:
    return [w * m for w, m in zip(weights, masks, strict=True)]


def same(found: NetGraph, expected: NetGraph) -> None:
    for part in ("data", "indices", "indptr"):
        mine, theirs = getattr(found.weights, part), getattr(expected.weights, part)
        np.testing.assert_array_equal(mine, theirs)
    assert [x.n_units for x in found.layers] == [x.n_units for x in expected.layers]
    assert found.weights.dtype == expected.weights.dtype


class MaskedLinear(nn.Linear):
    def __init__(self, n_in: int, n_out: int, buffer: str) -> None:
        super().__init__(n_in, n_out)
        self.register_buffer(buffer, torch.ones(n_out, n_in))


class Masking(nn.Module):
    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * self.mask


def net_of(weights: list[torch.Tensor]) -> nn.Sequential:
    net = nn.Sequential(
        OrderedDict(
            (name, nn.Linear(w.shape[1], w.shape[0]))
            for name, w in zip(NAMES, weights, strict=True)
        )
    )
    net.load_state_dict(state_of(weights))
    return net


WRAPPINGS: dict[str, Callable[[Any], Any]] = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state, "optimizer": {"state": {}}},
    "model_state_dict": lambda state: {"model_state_dict": state, "loss": 0.5},
    "model": lambda state: {"model": state},
    "nested": lambda state: {"model": {"state_dict": state}},
    "parallel": lambda state: {f"module.{key}": x for key, x in state.items()},
    "compiled twice": lambda state: {
        f"_orig_mod.module._orig_mod.{k}": x for k, x in state.items()
    },
    "per layer": lambda state: {
        f"{key.split('.')[0]}._layer.{key.split('.')[1]}": x for key, x in state.items()
    },
    "parameters": lambda state: {key: nn.Parameter(x) for key, x in state.items()},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_wrappings(
    wrapping: str, legacy: bool, tmp_path: Path, weights: list[torch.Tensor]
) -> None:
    path = tmp_path / "weights.of.any.ending"
    content = WRAPPINGS[wrapping](state_of(weights))
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    graph = load(path)
    same(graph, from_matrices(weights))
    assert [x.name for x in graph.layers] == ["input", *NAMES]
    assert [x.role for x in graph.layers] == ["input", "hidden", "hidden", "output"]
    assert [(x.parameter, x.size) for x in graph.blocks] == [
        (f"{name}.weight", w.numel()) for name, w in zip(NAMES, weights, strict=True)
    ]


def test_provenance_says_what_was_read(tmp_path: Path, weights: list[torch.Tensor]) -> None:
    path = tmp_path / "w.pt"
    torch.save(state_of(weights), path)
    graph = load(path)
    loaded = graph.provenance[0]
    assert loaded.function == "load"
    assert loaded.input_hash == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    assert loaded.parameters["edges"] == "nonzero"
    assert loaded.parameters["n_edges"] == graph.n_edges == sum(w.numel() for w in weights)
    assert loaded.parameters["format"] == "torch_zip"
    assert loaded.parameters["path"] == "w.pt"
    json.dumps(dict(loaded.parameters))


def test_exact_zeros_without_mask_are_pruned(
    tmp_path: Path, weights: list[torch.Tensor], masks: list[torch.Tensor]
) -> None:
    torch.save(state_of(zeroed(weights, masks)), tmp_path / "w.pt")
    same(load(tmp_path / "w.pt"), from_matrices(zeroed(weights, masks)))


def test_prune_keys_are_folded(
    tmp_path: Path, weights: list[torch.Tensor], masks: list[torch.Tensor], expected: NetGraph
) -> None:
    net = net_of(weights)
    for layer, mask in zip(net, masks, strict=True):
        prune.custom_from_mask(layer, "weight", mask)
        prune.custom_from_mask(layer, "bias", torch.zeros_like(layer.bias))
    torch.save(net.state_dict(), tmp_path / "w.pt")
    graph = load(tmp_path / "w.pt")
    same(graph, expected)
    assert graph.provenance[0].parameters["edges"] == "mask"
    assert [x.parameter for x in graph.blocks] == [f"{name}.weight" for name in NAMES]


def test_parametrizations_are_folded(
    tmp_path: Path, weights: list[torch.Tensor], masks: list[torch.Tensor], expected: NetGraph
) -> None:
    net = net_of(weights)
    for layer, mask in zip(net, masks, strict=True):
        parametrize.register_parametrization(layer, "weight", Masking(mask.float()))
    torch.save(net.state_dict(), tmp_path / "w.pt")
    same(load(tmp_path / "w.pt"), expected)


def test_two_masks_of_one_weight_both_count(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    first, second = torch.tensor([[1, 1], [0, 1.0]]), torch.tensor([[1, 0], [1, 1.0]])
    parametrize.register_parametrization(net[0], "weight", Masking(first))
    parametrize.register_parametrization(net[0], "weight", Masking(second))
    torch.save(net.state_dict(), tmp_path / "w.pt")
    assert load(tmp_path / "w.pt").block("input", "0").nnz == 2


def test_weight_norm_is_folded(tmp_path: Path) -> None:
    net = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3)))
    with torch.no_grad():
        net[0].parametrizations.weight.original0.mul_(2.5)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    found = load(tmp_path / "w.pt").block("input", "0").toarray()
    np.testing.assert_allclose(found, net[0].weight.detach().numpy().T, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_the_older_weight_norm_is_folded(tmp_path: Path) -> None:
    normed = nn.utils.weight_norm
    net = nn.Sequential(
        *(normed(nn.Conv2d(2, 4, 3)), nn.ReLU(), nn.Conv2d(4, 3, 3), nn.Flatten()),
        *(normed(nn.Linear(3 * 4, 5)), nn.ReLU(), nn.Linear(5, 2)),
    )
    with torch.no_grad():
        net[0].weight_g.mul_(2.5)
        net[4].weight_v.mul_(torch.rand_like(net[4].weight_v) < 0.5)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    net(torch.zeros(1, 2, 6, 6))  # computes the weights from their parts
    plain = {
        name.replace("_v", ""): net[int(name[0])].weight if name.endswith("_v") else x
        for name, x in net.state_dict().items()
        if not name.endswith("_g")
    }
    torch.save({name: x.detach() for name, x in plain.items()}, tmp_path / "plain.pt")
    graph, expected = load(tmp_path / "w.pt"), load(tmp_path / "plain.pt")
    assert graph.layers == expected.layers
    assert graph.n_parameters == expected.n_parameters < 2 * 4 * 9 + 4 * 3 * 9 + 12 * 5 + 5 * 2
    np.testing.assert_allclose(
        graph.weights.toarray(), expected.weights.toarray(), rtol=1e-6, atol=1e-7
    )


def test_other_parametrizations_are_refused(tmp_path: Path) -> None:
    net = nn.Sequential(parametrizations.spectral_norm(nn.Linear(4, 3)))
    torch.save(net.state_dict(), tmp_path / "w.pt")
    with pytest.raises(FormatError, match="remove_parametrizations"):
        load(tmp_path / "w.pt")


def test_ao_pruning_without_its_mask_is_refused(
    tmp_path: Path, weights: list[torch.Tensor], masks: list[torch.Tensor], expected: NetGraph
) -> None:
    state = {
        f"{n}.parametrizations.weight.original": w for n, w in zip(NAMES, weights, strict=True)
    }
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(FormatError, match=r"squash_mask\(\).*--mask"):
        load(tmp_path / "w.pt")
    torch.save(masks, tmp_path / "m.pt")
    same(load(tmp_path / "w.pt", mask=tmp_path / "m.pt"), expected)


def test_orig_without_mask_is_no_pruned_weight(tmp_path: Path) -> None:
    torch.save({"fc.weight_orig": torch.eye(3), "fc.weight_u": torch.ones(3)}, tmp_path / "w.pt")
    with pytest.raises(FormatError, match="remove_spectral_norm"):
        load(tmp_path / "w.pt")


@pytest.mark.parametrize("buffer", ["weight_mask", "_weight_mask", "mask"])
def test_mask_buffers(
    buffer: str,
    tmp_path: Path,
    weights: list[torch.Tensor],
    masks: list[torch.Tensor],
    expected: NetGraph,
) -> None:
    net = nn.Sequential(
        OrderedDict(
            (n, MaskedLinear(w.shape[1], w.shape[0], buffer))
            for n, w in zip(NAMES, weights, strict=True)
        )
    )
    state = state_of(weights)
    state.update({f"{n}.{buffer}": m.float() for n, m in zip(NAMES, masks, strict=True)})
    net.load_state_dict(state)
    torch.save(net.state_dict(), tmp_path / "w.pt")
    same(load(tmp_path / "w.pt"), expected)


def pickled(value: Any) -> bytes:
    return pickle.dumps(value)


def torch_bytes(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def npz_bytes(*arrays: Any, **named: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, *arrays, **named)
    return stream.getvalue()


def named_masks(masks: list[torch.Tensor], form: str) -> dict[str, torch.Tensor]:
    return {form.format(name): mask for name, mask in zip(NAMES, masks, strict=True)}


MASK_FILES: dict[str, Callable[[list[torch.Tensor]], bytes]] = {
    "torch list": torch_bytes,
    "torch tuple": lambda masks: torch_bytes(tuple(masks)),
    "torch dict by layer": lambda masks: torch_bytes(named_masks(masks, "{}")),
    "torch dict by parameter": lambda masks: torch_bytes(named_masks(masks, "module.{}.weight")),
    "torch dict, other order": lambda masks: torch_bytes(
        dict(reversed(list(named_masks(masks, "{}.weight").items())))
    ),
    "torch wrapped": lambda masks: torch_bytes({"masks": named_masks(masks, "{}.weight_mask")}),
    "torch, with those of biases": lambda masks: torch_bytes(
        named_masks(masks, "{}.weight") | {"fc1.bias": torch.ones(7)}
    ),
    "prune state dict": lambda masks: torch_bytes(
        named_masks([torch.rand(m.shape) for m in masks], "{}.weight_orig")
        | named_masks([m.float() for m in masks], "{}.weight_mask")
    ),
    "pickled tensors": pickled,
    "pickled float tensors": lambda masks: pickled([m.float() for m in masks]),
    "pickled protocol 2": lambda masks: pickle.dumps(masks, protocol=2),
    "pickled parameters": lambda masks: pickled([nn.Parameter(m.float()) for m in masks]),
    "pickled dict": lambda masks: pickled(OrderedDict(named_masks(masks, "{}.weight"))),
    "pickled arrays": lambda masks: pickled([m.numpy() for m in masks]),
    "pickled arrays, protocol 2": lambda masks: pickle.dumps(
        [m.numpy() for m in masks], protocol=2
    ),
    "pickled arrays, protocol 3": lambda masks: pickle.dumps(
        [m.numpy() for m in masks], protocol=3
    ),
    "pickled Fortran arrays": lambda masks: pickled([np.asfortranarray(m.numpy()) for m in masks]),
    "pickled big-endian arrays": lambda masks: pickled([m.numpy().astype(">i4") for m in masks]),
    "npz list": lambda masks: npz_bytes(*(m.numpy() for m in masks)),
    "npz dict": lambda masks: npz_bytes(**named_masks(masks, "{}.weight")),
    "sparse masks": lambda masks: torch_bytes([m.float().to_sparse() for m in masks]),
    "bfloat16 masks": lambda masks: torch_bytes([m.bfloat16() for m in masks]),
}


@pytest.mark.parametrize("kind", MASK_FILES)
def test_mask_files(
    kind: str,
    tmp_path: Path,
    weights: list[torch.Tensor],
    masks: list[torch.Tensor],
    expected: NetGraph,
) -> None:
    torch.save(state_of(weights), tmp_path / "w.pt")
    (tmp_path / "mask").write_bytes(MASK_FILES[kind](masks))
    graph = load(tmp_path / "w.pt", mask=tmp_path / "mask")
    same(graph, expected)
    said = graph.provenance[0].parameters
    assert (said["edges"], said["mask"]) == ("mask", "mask")
    assert said["mask_hash"].endswith(hashlib.sha256((tmp_path / "mask").read_bytes()).hexdigest())


def test_mask_files_of_safetensors_and_npy(tmp_path: Path, masks: list[torch.Tensor]) -> None:
    weight, mask = torch.ones(masks[0].shape), masks[0]
    torch.save({"fc1.weight": weight}, tmp_path / "w.pt")
    save_file({"fc1.weight": mask}, tmp_path / "m.safetensors")
    np.save(tmp_path / "m.npy", mask.numpy())
    for name in ("m.safetensors", "m.npy"):
        same(load(tmp_path / "w.pt", mask=tmp_path / name), from_matrices([weight], [mask]))


def test_views_in_mask_pickles_keep_their_strides(tmp_path: Path) -> None:
    weight = torch.ones(3, 2)
    mask = torch.tensor([[1, 0, 0], [0, 1, 0]]).T
    assert not mask.is_contiguous()
    torch.save({"w": weight}, tmp_path / "w.pt")
    (tmp_path / "m.pkl").write_bytes(pickle.dumps([mask]))
    same(load(tmp_path / "w.pt", mask=tmp_path / "m.pkl"), from_matrices([weight], [mask]))


WRONG_MASKS: dict[str, tuple[Callable[[list[torch.Tensor]], Any], str]] = {
    "transposed": (
        lambda masks: [m.T for m in masks],
        r"mask of layer 'fc1' is \[5, 7\], its weight is \[7, 5\]: masks are \[out, in\] as in "
        "torch; transpose it",
    ),
    "too few": (lambda masks: masks[:2], r"lists 2 masks .* has 3 weights"),
    "other names": (lambda masks: {"conv9.weight": masks[0]}, "named conv9.weight"),
    "weights": (lambda masks: [torch.rand(m.shape) for m in masks], "values other than 0 and 1"),
    "nothing": (lambda masks: {"epoch": 3}, "no tensors where they are expected"),
    "a number": (lambda masks: 3, "of type int"),
    "NaN": (lambda masks: [torch.full(m.shape, torch.nan) for m in masks], "values other than 0"),
}


@pytest.mark.parametrize("kind", WRONG_MASKS)
def test_wrong_masks(
    kind: str, tmp_path: Path, weights: list[torch.Tensor], masks: list[torch.Tensor]
) -> None:
    make, message = WRONG_MASKS[kind]
    torch.save(state_of(weights), tmp_path / "w.pt")
    torch.save(make(masks), tmp_path / "m.pt")
    with pytest.raises(FormatError, match=message) as caught:
        load(tmp_path / "w.pt", mask=tmp_path / "m.pt")
    assert caught.value.exit_code == 3


def test_masks_that_contradict_each_other(
    tmp_path: Path, weights: list[torch.Tensor], masks: list[torch.Tensor], expected: NetGraph
) -> None:
    state = state_of(weights)
    state.update({f"{n}.weight_mask": m for n, m in zip(NAMES, masks, strict=True)})
    torch.save(state, tmp_path / "w.pt")
    torch.save(masks, tmp_path / "same.pt")
    same(load(tmp_path / "w.pt", mask=tmp_path / "same.pt"), expected)
    torch.save([~m for m in masks], tmp_path / "other.pt")
    with pytest.raises(FormatError, match=r"differs from the one in .other\.pt."):
        load(tmp_path / "w.pt", mask=tmp_path / "other.pt")


def test_some_layers_masked_others_not(tmp_path: Path) -> None:
    first, second = torch.zeros(2, 2), torch.tensor([[1.0, 0.0]])
    state = {"a.weight": first, "a.weight_mask": torch.eye(2), "b.weight": second}
    torch.save(state, tmp_path / "w.pt")
    graph = load(tmp_path / "w.pt")
    assert (graph.block("input", "a").nnz, graph.block("a", "b").nnz) == (2, 1)
    said = graph.provenance[0].parameters
    assert said["edges_by_layer"] == {"a.weight": "mask", "b.weight": "nonzero"}


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "coo": lambda w: w.to_sparse(),
    "csr": lambda w: w.to_sparse_csr(),
    "csc": lambda w: w.to_sparse_csc(),
    "bsr": lambda w: w.to_sparse_bsr((1, 1)),
    "coo float16": lambda w: w.half().to_sparse(),
    "coo bfloat16": lambda w: w.bfloat16().to_sparse(),
    "coo float64": lambda w: w.double().to_sparse(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_sparse_layouts(
    layout: str, tmp_path: Path, weights: list[torch.Tensor], masks: list[torch.Tensor]
) -> None:
    sparse = [LAYOUTS[layout](w) for w in zeroed(weights, masks)]
    torch.save(state_of(sparse), tmp_path / "w.pt")
    graph = load(tmp_path / "w.pt")
    dense = [w.to_dense() if w.dtype == torch.float64 else w.to_dense().float() for w in sparse]
    same(graph, from_matrices(dense))
    assert graph.provenance[0].parameters["edges"] == "stored"


@pytest.mark.parametrize("layout", ["coo", "csr", "csc", "bsr"])
def test_stored_zeros_of_sparse_tensors_are_edges(layout: str, tmp_path: Path) -> None:
    sparse = LAYOUTS[layout](torch.eye(3))
    (sparse._values() if layout == "coo" else sparse.values())[1] = 0.0
    torch.save({"fc.weight": sparse}, tmp_path / "w.pt")
    block = load(tmp_path / "w.pt").block("input", "fc")
    assert (block.nnz, block.toarray().diagonal().tolist()) == (3, [1, 0, 1])


def test_blocks_of_bsr_are_stored_whole(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.eye(4).to_sparse_bsr((2, 2))}, tmp_path / "w.pt")
    assert load(tmp_path / "w.pt").n_edges == 8


def test_repeated_coo_entries_are_summed(tmp_path: Path) -> None:
    twice = torch.sparse_coo_tensor([[0, 0], [1, 1]], [2.0, 3.0], (2, 2))
    torch.save({"fc.weight": twice}, tmp_path / "w.pt")
    assert load(tmp_path / "w.pt").block("input", "fc").toarray().tolist() == [[0, 0], [5, 0]]


@pytest.mark.parametrize("sparse_mask", [False, True])
def test_mask_of_a_sparse_weight_decides(tmp_path: Path, sparse_mask: bool) -> None:
    weight = torch.tensor([[0.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
    mask = torch.tensor([[1, 1, 0], [0, 0, 1]])
    torch.save({"fc.weight": weight.to_sparse()}, tmp_path / "w.pt")
    torch.save([mask.to_sparse() if sparse_mask else mask], tmp_path / "m.pt")
    found = load(tmp_path / "w.pt", mask=tmp_path / "m.pt")
    same(found, from_matrices([weight], [mask]))


def test_sparse_biases_make_no_edges(tmp_path: Path) -> None:
    state = {"fc.weight": torch.eye(2).to_sparse(), "fc.bias": torch.ones(2).to_sparse()}
    torch.save(state, tmp_path / "w.pt")
    assert load(tmp_path / "w.pt").n_edges == 2


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float64]
)
def test_number_types(dtype: torch.dtype, tmp_path: Path, weights: list[torch.Tensor]) -> None:
    given = [w.to(dtype) for w in weights]
    torch.save(state_of(given), tmp_path / "w.pt")
    wide = [w if dtype == torch.float64 else w.float() for w in given]
    same(load(tmp_path / "w.pt"), from_matrices(wide))


@pytest.mark.parametrize("dtype", [torch.int8, torch.bool])
def test_integers_are_no_weights(dtype: torch.dtype, tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.ones(2, 2, dtype=dtype)}, tmp_path / "w.pt")
    with pytest.raises(TopologyError, match="floating point"):
        load(tmp_path / "w.pt")


def test_safetensors(tmp_path: Path, weights: list[torch.Tensor]) -> None:
    save_file(state_of(weights), tmp_path / "w.bin")
    graph = load(tmp_path / "w.bin")
    same(graph, from_matrices(weights))
    assert graph.provenance[0].parameters["format"] == "safetensors"


def test_zip_named_like_safetensors(tmp_path: Path, weights: list[torch.Tensor]) -> None:
    torch.save(state_of(weights), tmp_path / "w.safetensors")
    same(load(tmp_path / "w.safetensors"), from_matrices(weights))


def sharded(folder: Path, weights: list[torch.Tensor]) -> Path:
    shards = {f"model-{i}.safetensors": {f"{NAMES[i]}.weight": w} for i, w in enumerate(weights)}
    for name, tensors in shards.items():
        save_file(tensors, folder / name)
    weight_map = {key: name for name, tensors in shards.items() for key in tensors}
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return index


def test_sharded_safetensors(tmp_path: Path, weights: list[torch.Tensor]) -> None:
    index = sharded(tmp_path, weights)
    graph = load(index)
    same(graph, from_matrices(weights))
    assert graph.provenance[0].parameters["shards"] == [f"model-{i}.safetensors" for i in range(3)]
    before = graph.provenance[0].input_hash
    save_file({"fc3.weight": weights[2] + 1}, tmp_path / "model-2.safetensors")
    assert load(index).provenance[0].input_hash != before
    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(FormatError, match="no file at"):
        load(index)


def test_download_caches_link_into_another_folder(
    tmp_path: Path, weights: list[torch.Tensor]
) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshot"
    blobs.mkdir()
    snapshot.mkdir()
    index = sharded(blobs, weights)
    for blob in blobs.iterdir():
        (snapshot / blob.name).symlink_to(blob)
    same(load(snapshot / index.name), from_matrices(weights))


def test_numpy_arrays(tmp_path: Path, weights: list[torch.Tensor]) -> None:
    arrays = [w.numpy() for w in weights]
    np.savez(tmp_path / "named", **{f"{n}.weight": w for n, w in zip(NAMES, arrays, strict=True)})
    np.savez(tmp_path / "listed", *arrays)
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(arrays))
    np.save(tmp_path / "one", arrays[0])
    for name in ("named.npz", "listed.npz", "w.pkl"):
        same(load(tmp_path / name), from_matrices(arrays))
    same(load(tmp_path / "one.npy"), from_matrices(arrays[:1]))


def test_model_pt_needs_nothing_else(
    tmp_path: Path, weights: list[torch.Tensor], masks: list[torch.Tensor], expected: NetGraph
) -> None:
    net = {"family": "mlp", "widths": WIDTHS, "activation": "relu"}
    masks_by_name = {f"{n}.weight": m for n, m in zip(NAMES, masks, strict=True)}
    write_model(tmp_path / "model.pt", net=net, state=state_of(weights), masks=masks_by_name)
    graph = load(tmp_path / "model.pt")
    same(graph, expected)
    assert graph.provenance[0].parameters["net"] == net
    torch.save(state_of(weights), tmp_path / "w.pt")
    same(load(tmp_path / "w.pt", mask=tmp_path / "model.pt"), expected)


def test_graph_files(tmp_path: Path, expected: NetGraph) -> None:
    save(expected, tmp_path / "g.npz")
    graph = load(tmp_path / "g.npz")
    same(graph, expected)
    assert graph.provenance[-1].parameters["format"] == "graph"
    assert graph.provenance[-1].parameters["n_edges"] == expected.n_edges
    with pytest.raises(FormatError, match="leave out the mask"):
        load(tmp_path / "g.npz", mask=tmp_path / "g.npz")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nonfinite_weights(bad: float, tmp_path: Path) -> None:
    first, second = torch.ones(2, 2), torch.ones(2, 2)
    first[0, 1] = second[1, 0] = second[1, 1] = bad
    torch.save({"0.weight": first, "2.weight": second}, tmp_path / "w.pt")
    with pytest.raises(FormatError, match=r"3 edges .* '0\.weight' \(1\), '2\.weight' \(2\)"):
        load(tmp_path / "w.pt")
    graph = load(tmp_path / "w.pt", allow_nonfinite=True)
    assert graph.n_edges == 5
    assert graph.block("input", "0").toarray().tolist() == [[1, 1], [0, 1]]
    assert graph.provenance[0].parameters["nonfinite_dropped"] == 3
    assert graph.provenance[0].parameters["n_edges"] == 5


def test_nonfinite_weights_that_are_masked_do_not_count(tmp_path: Path) -> None:
    torch.save(
        {"w": torch.tensor([[1.0, torch.nan]]), "w_mask": torch.tensor([[1, 0]])}, tmp_path / "w"
    )
    assert load(tmp_path / "w").n_edges == 1


def test_a_layer_may_be_called_input(tmp_path: Path) -> None:
    torch.save({"input.weight": torch.eye(2), "out.weight": torch.eye(2)}, tmp_path / "w.pt")
    names = [x.name for x in load(tmp_path / "w.pt").layers]
    assert names == ["input", "input.weight", "out"]


def test_a_model_twice_in_one_file(tmp_path: Path) -> None:
    torch.save({"module.a.weight": torch.eye(2), "a.weight": torch.eye(2)}, tmp_path / "w.pt")
    with pytest.raises(FormatError, match="twice"):
        load(tmp_path / "w.pt")


def test_importing_loading_does_not_import_torch() -> None:
    script = (
        "import sys, netsculpt.loading, netsculpt.files.model\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model", None])
@pytest.mark.parametrize("key", ["masks", "mask"])
@pytest.mark.parametrize("kind", [dict, list])
def test_masks_beside_the_weights(
    tmp_path: Path, wrapper: str | None, key: str, kind: type
) -> None:
    state = {"a.weight": torch.randn(3, 4), "b.weight": torch.randn(2, 3)}
    masks = {name: torch.zeros_like(weight) for name, weight in state.items()}
    masks["a.weight"][0, 1], masks["b.weight"][1, 0] = 1, 1
    given = masks if kind is dict else list(masks.values())
    torch.save({wrapper: state, key: given} if wrapper else {**state, key: given}, tmp_path / "m")
    graph = load(tmp_path / "m")
    assert graph.n_edges == 2
    assert graph.provenance[0].parameters["edges"] == "mask"


def test_layers_named_like_the_input(tmp_path: Path) -> None:
    torch.save({"input.weight": torch.eye(2), "out.weight": torch.eye(2)}, tmp_path / "m")
    names = [layer.name for layer in load(tmp_path / "m").layers]
    assert len(set(names)) == 3


def cases(folder: Path) -> dict[str, tuple[str, str | None]]:
    """A model file and perhaps a mask file of each kind."""
    lstm = LSTM(sequence=(3, 2), hidden=2, n_outputs=2)
    net, linear = lstm.build(), nn.Sequential(nn.Linear(3, 2))
    write_model(folder / "model.pt", net=lstm.spec, state=net.state_dict(), masks={})
    matrices = {name: x for name, x in net.state_dict().items() if x.ndim > 1}
    torch.save({name: torch.ones_like(x) for name, x in matrices.items()}, folder / "masks.pt")
    torch.save(linear.state_dict(), folder / "weights.pt")
    torch.save([torch.ones(2, 3)], folder / "mask.pt")
    exported = torch.export.export(linear, (torch.zeros(1, 3),))
    torch.export.save(exported, folder / "program.pt2")
    save(from_matrices([np.ones((2, 3))]), folder / "graph.npz")
    return {
        "tensors": ("weights.pt", "mask.pt"),
        "model": ("model.pt", "masks.pt"),
        "program": ("program.pt2", "mask.pt"),
        "graph": ("graph.npz", None),
    }


@pytest.mark.parametrize("kind", ["tensors", "model", "program", "graph"])
def test_each_file_is_opened_hashed_and_parsed_once(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, mask = cases(tmp_path)[kind]
    calls = Counter[tuple[str, str]]()

    def count(owner: Any, name: str, what: Callable[..., Any]) -> None:
        function = getattr(owner, name)

        def counted(*args: Any, **options: Any) -> Any:
            calls[name, what(args[0])] += 1
            return function(*args, **options)

        monkeypatch.setattr(owner, name, counted)

    count(Source, "open", lambda path: path.name)
    count(Source, "sha256", lambda source: source.path.name)
    count(torch_zip, "plain_arrays", lambda source: source.path.name)
    count(torch, "load", lambda path: Path(path).name)  # not of files as plain as these
    for reader in catalogue("formats").values():
        count(reader, "read", lambda source: source.path.name)
    load(tmp_path / model, mask=None if mask is None else tmp_path / mask)
    files = [model] if mask is None else [model, mask]
    assert calls == {
        **{(name, file): 1 for name in ("open", "sha256", "read") for file in files},
        **{("plain_arrays", file): 1 for file in files if file.endswith(".pt")},
    }
