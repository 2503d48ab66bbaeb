"""Checkpoints as tools and trainers write them: read, or refused with what to do."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import enum
import pathlib
import types
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from netsculpt import export, from_matrices, load, save
from netsculpt.core.errors import FormatError, TopologyError, UnsafeFileError
from netsculpt.graph.attribution import planted_supernodes
from netsculpt.loading import load_into

pytestmark = pytest.mark.filterwarnings("ignore:Sparse")


def chain() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(OrderedDict(fc1=nn.Linear(4, 3), act=nn.ReLU(), fc2=nn.Linear(3, 2)))


def edges(graph: Any) -> list[float]:
    return graph.weights.data.tolist()


def expected() -> list[float]:
    net = chain()
    return edges(from_matrices([net.fc1.weight, net.fc2.weight]))


def saved(value: Any, tmp_path: Path) -> Path:
    torch.save(value, tmp_path / "w.pt")
    return tmp_path / "w.pt"


@pytest.mark.parametrize(
    "prefix",
    [
        "_fsdp_wrapped_module.",
        "_fsdp_wrapped_module._checkpoint_wrapped_module.",
        "_forward_module.module.",
    ],
)
def test_prefixes(prefix: str, tmp_path: Path) -> None:
    state = {prefix + name: x for name, x in chain().state_dict().items()}
    assert edges(load(saved(state, tmp_path))) == expected()
    inner = {name.replace(".", f".{prefix}"): x for name, x in chain().state_dict().items()}
    assert edges(load(saved(inner, tmp_path))) == expected()


def test_deepspeed(tmp_path: Path) -> None:
    value = {"module": chain().state_dict(), "ds_version": "0.14", "global_steps": 3,
             "optimizer": None}  # fmt: skip
    assert edges(load(saved(value, tmp_path))) == expected()


@pytest.mark.parametrize("nested", [True, False], ids=["by parameter", "by layer"])
def test_masks_by_layer(nested: bool, tmp_path: Path) -> None:
    masks = {"fc1": torch.rand(3, 4) < 0.5, "fc2": torch.rand(2, 3) < 0.5}
    biases = {"fc1": torch.ones(3), "fc2": torch.ones(2)}
    value: Any = masks
    if nested:
        value = {name: {"weight": mask, "bias": biases[name]} for name, mask in masks.items()}
    torch.save(value, tmp_path / "m.pt")
    net = chain()
    graph = load(saved(net.state_dict(), tmp_path), mask=tmp_path / "m.pt")
    right = from_matrices([net.fc1.weight, net.fc2.weight], [*masks.values()])
    assert edges(graph) == edges(right)
    np.testing.assert_array_equal(graph.weights.indices, right.weights.indices)


def test_zeros_in_blocks_are_said(tmp_path: Path) -> None:
    weight = torch.eye(4)
    graph = load(saved({"fc.weight": weight.to_sparse_bsr((2, 2))}, tmp_path))
    assert graph.n_edges == 8
    said = graph.provenance[0].parameters
    assert (said["edges"], said["stored_zeros_as_edges"]) == ("stored", {"fc.weight": 4})
    dense = load(saved({"fc.weight": weight}, tmp_path))  # the other reading
    assert dense.n_edges == 4
    assert "stored_zeros_as_edges" not in dense.provenance[0].parameters


def adapted(*, trained: bool) -> dict[str, torch.Tensor]:
    net = chain()
    return {
        "fc1.base_layer.weight": net.fc1.weight.data,
        "fc1.base_layer.bias": net.fc1.bias.data,
        "fc1.lora_A.default.weight": torch.randn(1, 4),
        "fc1.lora_B.default.weight": torch.full((3, 1), float(trained)),
        "fc2.weight": net.fc2.weight.data,
        "fc2.bias": net.fc2.bias.data,
    }


def test_low_rank_adapters(tmp_path: Path) -> None:
    assert edges(load(saved(adapted(trained=False), tmp_path))) == expected()
    with pytest.raises(FormatError, match=r"scale is not in the file: merge .*merge_and_unload"):
        load(saved(adapted(trained=True), tmp_path))
    alone = {name: x for name, x in adapted(trained=True).items() if "lora" in name}
    with pytest.raises(FormatError, match="without the weights that they change"):
        load(saved(alone, tmp_path))


class Headed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = chain(), nn.Linear(2, 5)


def test_a_base_model_into_a_model_with_a_head(tmp_path: Path) -> None:
    with pytest.raises(TopologyError, match=r"only the part .body. of .*head\.weight.*net\.body"):
        load_into(Headed(), saved(chain().state_dict(), tmp_path))
    with pytest.raises(TopologyError, match=r"is the part .body.; it has .*head\.weight"):
        load_into(chain(), saved(Headed().state_dict(), tmp_path))
    wrapped = {f"model.{name}": x for name, x in chain().state_dict().items()}
    net = nn.Sequential(OrderedDict(fc1=nn.Linear(4, 3), act=nn.ReLU(), fc2=nn.Linear(3, 2)))
    load_into(net, saved(wrapped, tmp_path))
    assert torch.equal(net.fc1.weight, chain().fc1.weight)


@dataclasses.dataclass
class Settings:
    rate: float = 0.1
    widths: list[int] = dataclasses.field(default_factory=list)


class Kind(enum.Enum):
    A = 1


class Spy:
    """Would say so if it were ever made."""

    made = 0

    def __new__(cls) -> Spy:
        cls.made += 1
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        type(self).made += 1


INERT: dict[str, Any] = {
    "NumPy number": np.float64(3.0),
    "NumPy whole number": np.int64(3),
    "NumPy array": np.arange(3.0),
    "NumPy dtype": np.dtype("f4"),
    "Namespace": argparse.Namespace(lr=0.1, nested=argparse.Namespace(a=[1, {"b": 2}])),
    "SimpleNamespace": types.SimpleNamespace(lr=0.1),
    "dataclass": Settings(0.5, [1, 2]),
    "path": pathlib.Path("a") / "b",
    "dict with a default": collections.defaultdict(list, {"a": [1]}),
    "class": Settings,
    "list of all": [np.float32(1), argparse.Namespace(a=np.arange(2)), Settings()],
    "spy": Spy(),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("kind", INERT)
def test_settings_beside_the_weights_stay_inert(kind: str, legacy: bool, tmp_path: Path) -> None:
    made = Spy.made
    value = {"args": INERT[kind], "state_dict": chain().state_dict(), "after": [INERT[kind]]}
    torch.save(value, tmp_path / "w.pt", _use_new_zipfile_serialization=not legacy)
    assert edges(load(tmp_path / "w.pt")) == expected()
    assert Spy.made == made


def test_arrays_are_weights_and_masks_too(tmp_path: Path) -> None:
    net = chain()
    arrays = {name: x.numpy() for name, x in net.state_dict().items()}
    assert edges(load(saved(arrays, tmp_path))) == expected()
    masks = {"fc1.weight": np.eye(3, 4, dtype=bool), "fc2.weight": np.asfortranarray(np.eye(2, 3))}
    torch.save(masks, tmp_path / "m.pt")
    graph = load(saved(net.state_dict(), tmp_path), mask=tmp_path / "m.pt")
    right = from_matrices([net.fc1.weight, net.fc2.weight], [*masks.values()])
    assert edges(graph) == edges(right)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("attribution.json", "an attribution graph in JSON"),
        ("graph.npz", "a netsculpt graph"),
        ("masks.json", "JSON"),
        ("lists.json", "JSON"),
        ("masks.txt", "a text file"),
    ],
)
def test_masks_of_another_kind_are_refused_by_kind(tmp_path: Path, name: str, kind: str) -> None:
    graph, _ = planted_supernodes(2, 12, 2, rng=0)
    export(graph, tmp_path / "attribution.json")
    save(graph, tmp_path / "graph.npz")
    (tmp_path / "masks.json").write_text('{"fc1.weight": [[1, 0]]}')
    (tmp_path / "lists.json").write_text("[[1, 0], 1]")
    (tmp_path / "masks.txt").write_text("fc1.weight: all")
    with pytest.raises(FormatError, match=rf"'{name}' is {kind}: a file of masks is needed, 0 or"):
        load(saved(chain().state_dict(), tmp_path), mask=tmp_path / name)


class Whole:
    def __init__(self, state: Any) -> None:
        self.state = state


class Calls:
    def __reduce__(self) -> Any:
        return print, ("this must not run",)


class Words(dict[str, int]):
    pass


REFUSED: dict[str, Any] = {
    "a net": chain(),
    "a net inside": {"net": chain(), "state_dict": chain().state_dict()},
    "an object around the weights": Whole(chain().state_dict()),
    "a call": {"x": Calls(), "state_dict": chain().state_dict()},
    "an enumeration": {"x": Kind.A, "state_dict": chain().state_dict()},
    "a dict of its own class": {"x": Words(a=1), "state_dict": chain().state_dict()},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_be_called_or_lost_is_refused(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnsafeFileError, match=r"reading it would call what it names") as caught:
        load(saved(REFUSED[kind], tmp_path))
    assert caught.value.exit_code == 4
    assert not capsys.readouterr().out


def test_content_that_contains_itself_or_is_deep_is_finished_once(tmp_path: Path) -> None:
    """Lists of the same list twice double what a naive walk visits; deep ones exhaust its stack."""
    shared: list[Any] = [np.float64(1.0)]
    for _ in range(60):
        shared = [shared, shared]
    within: list[Any] = []
    within.append(within)
    deep: tuple[Any, ...] = ()
    for _ in range(300):
        deep = (deep, np.float64(1.0))
    weight = torch.eye(3)[:2]
    for extra in (shared, within, deep, {"a": (shared, within)}):
        torch.save({"fc.weight": weight, "settings": extra}, tmp_path / "net.pt")
        assert load(tmp_path / "net.pt").n_edges == 2
