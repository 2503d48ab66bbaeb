"""The column "activation" of traced nets: the function that follows each unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import netsculpt
from netsculpt import NetGraph


def by_layer(graph: NetGraph) -> dict[str, list[str]]:
    """The different activations of each layer, in order of appearance."""
    column = graph.attributes["activation"]
    return {x.name: list(dict.fromkeys(column[x.units].tolist())) for x in graph.layers}


class Two(nn.Module):
    """Two linear layers, and what is between and after them."""

    def __init__(self, between: Callable[[Tensor], Tensor], after: Any = None) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(3, 4), nn.Linear(4, 2)
        self.between, self.after = between, after

    def forward(self, x: Tensor) -> Tensor:
        y = self.two(self.between(self.one(x)))
        return y if self.after is None else self.after(y)


def traced(between: Callable[[Tensor], Tensor], after: Any = None) -> dict[str, list[str]]:
    return by_layer(netsculpt.trace(Two(between, after), torch.zeros(1, 3)))


def many_times(x: Tensor) -> Tensor:
    """A function whose name would be longer than all memory."""
    for _ in range(50):
        x = x * x
    return x


@pytest.mark.parametrize(
    ("function", "name"),
    [
        *((getattr(torch, x), x) for x in ("relu", "tanh", "sigmoid", "abs", "sin", "exp")),
        (torch.special.expit, "sigmoid"),
        *((getattr(functional, x), x) for x in ("gelu", "leaky_relu", "silu", "softplus", "elu")),
        (lambda x: x, "identity"),
        (lambda x: -2 * x + 1, "identity"),
        (lambda x: x.relu() ** 2, "relu>square"),
        (lambda x: x * x, "square"),
        (lambda x: x * torch.sigmoid(x), "silu"),
        (lambda x: x * torch.tanh(x), "identity·tanh"),
        (lambda x: functional.layer_norm(x.relu(), (4,)), "relu"),
        (lambda x: functional.dropout(x, training=False).relu(), "relu"),
        (lambda x: torch.cat([x[:, 2:].relu(), x[:, :2].relu()], 1), "relu"),
        (lambda x: x.sort(dim=1).values, ""),
        (many_times, ""),
        (lambda x: x * (x > 0), ""),
        (lambda x: 1 / (x + 3), "reciprocal"),
        (lambda x: torch.ones(4) / (x + 3), ""),
        (lambda x: torch.maximum(x, torch.zeros(4)), ""),
    ],
)
def test_what_follows_a_layer(function: Callable[[Tensor], Tensor], name: str) -> None:
    layers = traced(function)
    assert layers["one"] == [name]
    assert layers["two"] == ["identity"] or name == ""
    assert layers["input" if "input" in layers else next(iter(layers))] == ["identity"]


def test_outputs() -> None:
    assert traced(torch.relu, torch.sigmoid)["two"] == ["sigmoid"]
    assert traced(torch.relu, lambda x: x.softmax(1))["two"] == ["softmax"]
    assert traced(torch.relu, lambda x: (x, x.relu()))["two"] == ["identity|relu"]


def test_units_of_one_layer_may_have_different_ones() -> None:
    def halves(x: Tensor) -> Tensor:
        one, two = x.chunk(2, dim=1)
        return torch.cat([one.tanh(), two.relu()], 1)

    column = netsculpt.trace(Two(halves), torch.zeros(1, 3)).attributes["activation"]
    assert column.tolist()[3:7] == ["tanh", "tanh", "relu", "relu"]


def test_branches_and_sums() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.branch, self.head = (nn.Linear(3, 3) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            h = self.stem(x)
            y: Tensor = self.head((h + self.branch(h.relu())).tanh())
            return y

    layers = by_layer(netsculpt.trace(Residual(), torch.zeros(1, 3)))
    assert layers == {
        next(iter(layers)): ["identity"],
        "stem": ["identity|relu"],
        "branch": ["identity"],
        "add": ["tanh"],
        "head": ["identity"],
    }


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
def test_convolutions(granularity: Any) -> None:
    net = nn.Sequential(
        *(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.LeakyReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(27, 2)),
    ).eval()
    graph = netsculpt.trace(net, torch.zeros(1, 1, 8, 8), granularity=granularity)
    layers = by_layer(graph)
    assert layers["0"] == ["leaky_relu"]
    assert layers["5"] == ["identity"]
    assert Counter(graph.attributes["activation"].tolist())["leaky_relu"] in (3, 3 * 36)


def test_recurrent_layers_and_attention() -> None:
    class Last(nn.Module):
        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self.layer, self.head = layer, nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.head(self.layer(x)[0][:, -1])
            return y

    lstm = by_layer(
        netsculpt.trace(Last(nn.LSTM(3, 4, batch_first=True)), torch.zeros(1, 2, 3), unroll=2)
    )
    expected = {"i": "sigmoid", "f": "sigmoid", "o": "sigmoid", "g": "tanh"}
    found = {x: lstm[name] for x in expected for name in lstm if name.endswith(f".{x}")}
    assert found == {x: [name] for x, name in expected.items()}
    for kind in ("tanh", "relu"):
        net = Last(nn.RNN(3, 4, nonlinearity=kind, batch_first=True))
        layers = by_layer(netsculpt.trace(net, torch.zeros(1, 2, 3), unroll=2))
        assert [x for name, x in layers.items() if name.endswith(".h")] == [[kind], [kind]]
    gru = by_layer(netsculpt.trace(Last(nn.GRU(3, 4, batch_first=True)), torch.zeros(1, 2, 3)))
    assert [gru[x] for x in gru if x.endswith((".r", ".z", ".n"))] == [
        ["sigmoid"],
        ["sigmoid"],
        ["tanh"],
    ]
    attention = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True).eval()
    layers = by_layer(netsculpt.trace(attention, torch.zeros(1, 3, 4)))
    assert [x for name, x in layers.items() if "pattern" in name] == [["softmax"]]
    assert layers["linear1"] == ["relu"]
    glu = by_layer(
        netsculpt.trace(Two(lambda x: functional.glu(x).repeat(1, 2)), torch.zeros(1, 3))
    )
    assert glu["one"] == ["identity", "sigmoid"]


def test_every_unit_of_an_output_and_an_input_is_known() -> None:
    net = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 3), nn.Tanh())
    graph = netsculpt.trace(net, torch.zeros(1, 2, dtype=torch.int64))
    assert set(graph.attributes["activation"].tolist()) == {"identity", "tanh"}


def test_a_model_file_knows_its_own(tmp_path: Path) -> None:
    from netsculpt.files.model import write_model
    from netsculpt.nets.families import MLP

    spec = MLP((4, 3, 2), "tanh")
    net = spec.build()
    write_model(tmp_path / "model.pt", net=spec.spec, state=net.state_dict(), masks={})
    graph = netsculpt.load(tmp_path / "model.pt")
    column = graph.attributes["activation"]
    assert column.tolist() == ["identity"] * 4 + ["tanh"] * 3 + ["identity"] * 2
    again = netsculpt.trace(net, torch.zeros(1, 4)).attributes["activation"]
    np.testing.assert_array_equal(column, again)
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    assert not netsculpt.load(tmp_path / "weights.pt").attributes
