"""Examples of inputs by name and nested, and remedies that fit what is wrong."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from netsculpt.cli import app
from netsculpt.core.errors import GraphError, TopologyError
from netsculpt.loading import load
from netsculpt.tracing import fidelity, trace
from tests.helpers.traced_nets import widths

IDS = torch.zeros(1, 4, dtype=torch.int64)


class DynamicCache:
    """As in transformers: an object that is no tensor."""


class Encoder(nn.Module):
    """Takes and returns what models of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.out = nn.Embedding(9, 4), nn.Linear(4, 2)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, use_cache: bool = True
    ) -> Any:
        x = self.words(input_ids)
        if attention_mask is not None:
            x = x.masked_fill(attention_mask[..., None] == 0, 0.0)
        y = {"logits": self.out(x)}
        return {**y, "past_key_values": DynamicCache()} if use_cache else y


class Nested(nn.Module):
    """Takes a dictionary with a list in it, as samples of a data loader are."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 2), nn.Linear(5, 2)

    def forward(self, batch: dict[str, Any]) -> Tensor:
        return self.a(batch["x"]) + self.b(batch["more"][0])


class Named(nn.Module):
    """Takes its inputs by name alone, one of them a number for each sample."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(3, 2)

    def forward(self, *, x: Tensor, time: Tensor) -> Tensor:
        return self.a(x) * time[:, None]


def test_inputs_by_name_in_any_order_and_plain_values() -> None:
    example = {"use_cache": False, "attention_mask": torch.ones_like(IDS), "input_ids": IDS}
    graph = trace(Encoder(), example)
    assert widths(graph) == {"input_ids": 9, "attention_mask": 4, "words": 4, "out": 2}
    assert trace(Encoder(), (IDS, None, False)).n_edges == graph.n_edges
    net = Named()
    example = {"time": torch.zeros(2), "x": torch.zeros(2, 3)}
    assert widths(trace(net, example)) == {"x": 3, "time": 1, "a": 2, "mul": 2}
    assert fidelity(net, trace(net, example), example, rng=0).max_error < 1e-5


def test_nested_inputs_as_one_input_or_by_name() -> None:
    batch = {"x": torch.zeros(1, 3), "more": [torch.zeros(1, 5)]}
    net = Nested()
    graphs = [trace(net, given) for given in (batch, (batch,), {"batch": batch})]
    for graph in graphs:
        assert [x.n_units for x in graph.layers] == [3, 5, 2, 2, 2]
        assert fidelity(net, graph, (batch,), rng=0).max_error < 1e-5


def packed(x: Tensor) -> Any:
    return nn.utils.rnn.pack_padded_sequence(x, torch.tensor([3, 2]), batch_first=True)


class Packed(nn.Module):
    """Packs its sequences."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(2, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(packed(x))[1][0]


def quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(3, 2)), {nn.Linear})


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(torch.jit.script(nn.Linear(3, 2)))


@pytest.mark.parametrize(
    ("net", "example", "message"),
    [
        (Encoder, IDS, r"use_cache=False.*--example use_cache=false"),
        (Encoder, {"ids": IDS, "use_cache": False}, r"fit forward\(input_ids.*--example input_ids"),
        (Encoder, {"ids": IDS}, "use the names that forward has"),
        (Named, torch.zeros(1, 3), r"1 inputs by position.*forward\(\*, x.*--example"),
        (Packed, torch.zeros(2, 3, 2), "with the padded sequence given to the recurrent layer"),
        (quantised, torch.zeros(1, 3), r"layer '0' is quantised.*before.*convert"),
        (scripted, torch.zeros(1, 3), r"layer '0' is scripted.*load_state_dict"),
        (Nested, {"batch": {"x": {1, 2}}}, "example holds a set"),
        (Nested, {"batch": {"x": 1}}, "no tensor"),
        (lambda: nn.Linear(3, 2), torch.zeros(3), r"unsqueeze\(0\)"),
    ],
)
def test_remedies_fit_what_is_wrong(net: Any, example: Any, message: str) -> None:
    with pytest.raises((GraphError, TopologyError), match=message):
        trace(net(), example)


FACTORIES = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.out = nn.Embedding(9, 4), nn.Linear(4, 2)
    def forward(self, ids, attention_mask, *, flag=True):
        if flag or not bool((attention_mask == 1).all()):
            raise ValueError("flag, or not a mask of ones")
        return self.out(self.words(ids) * attention_mask[..., None])

class Nested(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(3, 2)
    def forward(self, batch):
        return self.a(batch["x"])
"""


def test_examples_on_the_command_line(tmp_path: Path) -> None:
    source = tmp_path / "factories.py"
    source.write_text(FACTORIES)
    names: dict[str, Any] = {}
    exec(FACTORIES, names)
    cases = {
        "Net": (["ids=1,5:int64", "attention_mask=1,5:int64", "flag=false"], [9, 1, 4, 4, 2]),
        "Nested": (["batch.x=1,3"], [3, 2]),
    }
    for name, (inputs, expected) in cases.items():
        weights, out = tmp_path / f"{name}.pth", tmp_path / f"{name}.npz"
        torch.save(names[name]().state_dict(), weights)
        arguments = ["export", str(weights), "--model", f"{source}:{name}", "-o", str(out)]
        flags = [x for text in inputs for x in ("--example", text)]
        result = CliRunner().invoke(app, [*arguments, *flags])
        assert result.exit_code == 0, result.output
        graph = load(out)
        assert [x.n_units for x in graph.layers] == expected
        (model,) = [x for x in graph.provenance if x.function == "model"]
        assert model.parameters["example"] == inputs


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--example", "x=1,a"], "its name, its sizes above 0"),
        (["--example", "x=1,0"], "its name, its sizes above 0"),
        (["--example", "a b=1,3"], "does not name an input"),
        (["--example", "x=1,3:int5"], "not one of float32"),
        (["--example", "x=1,3", "--example-shape", "1,3"], "leave one of them out"),
    ],
)
def test_examples_that_are_refused(tmp_path: Path, flags: list[str], message: str) -> None:
    weights = tmp_path / "w.pth"
    torch.save(nn.Linear(3, 2).state_dict(), weights)
    named = ["export", str(weights), "--model", "torch.nn:Identity", "-o", str(tmp_path / "o.npz")]
    result = CliRunner().invoke(app, [*named, *flags], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())
