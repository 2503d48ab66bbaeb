"""Nets that return several values: their order, and the keys of dictionaries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from netsculpt.graph.graph import NetGraph
from netsculpt.tracing import trace
from tests.helpers.jacobians import moves, paths_exist
from tests.helpers.traced_nets import Function

X = torch.zeros(1, 5)
Returns = Callable[[Any, Tensor], Any]


def net(returns: Returns) -> Function:
    """A net whose outputs have paths of their own from the inputs."""
    made = Function(returns, a=nn.Linear(5, 4), b=nn.Linear(4, 3))
    generator = torch.Generator().manual_seed(1)
    for layer in (made.a, made.b):
        layer.weight.data *= torch.rand(layer.weight.shape, generator=generator) < 0.4
    return made


def a_part(net: Any, x: Tensor) -> Any:
    h = net.a(x)
    return {"out": h, "aux": h[:, :2]}


def a_part_first(net: Any, x: Tensor) -> Any:
    h = net.a(x)
    return {"aux": h[:, :2], "out": h}


def hidden_and_last(net: Any, x: Tensor) -> Any:
    h = net.a(x).tanh()
    return {"hidden": h, "logits": net.b(h)}


def nested(net: Any, x: Tensor) -> Any:
    h = net.a(x)
    return {"all": {"b": net.b(h), "parts": [h[:, 1:], None, h[:, :1]]}, "same": h.flip(1)}


def in_a_tuple(net: Any, x: Tensor) -> Any:
    h = net.a(x)
    return h[:, 2:], {"out": net.b(h)}, [h]


CASES: dict[str, tuple[Returns, list[str], dict[str, str]]] = {  # outputs in order, those of keys
    "a part": (a_part, ["out", "aux"], {"out": "out", "aux": "aux"}),
    "a part first": (a_part_first, ["aux", "out"], {"aux": "aux", "out": "out"}),
    "hidden and last": (
        hidden_and_last, ["b", "hidden"], {"hidden": "hidden", "logits": "b"},
    ),
    "nested": (
        nested,
        ["b", "all.parts.0", "all.parts.2", "same"],
        {
            "all.b": "b", "all.parts.0": "all.parts.0", "all.parts.2": "all.parts.2",
            "same": "same",
        },
    ),
    "in a tuple": (in_a_tuple, ["b", "output", "output (2)"], {"out": "b"}),
}  # fmt: skip


def of_layers(graph: NetGraph) -> dict[str, list[int]]:
    """The place of each output layer among the output units."""
    layers = [x for x in graph.layers if x.role == "output"]
    stops = np.cumsum([x.n_units for x in layers])
    return {
        x.name: list(range(stop - x.n_units, stop)) for x, stop in zip(layers, stops, strict=True)
    }


@pytest.mark.parametrize("granularity", ["channel", "spatial"])
@pytest.mark.parametrize("case", CASES)
def test_outputs_have_the_keys_and_the_order_of_the_net(case: str, granularity: str) -> None:
    returns, order, keys = CASES[case]
    graph = trace(net(returns), X, granularity=granularity)  # type: ignore[arg-type]
    found = graph.provenance[-1].parameters
    assert [x.name for x in graph.layers if x.role == "output"] == order
    assert found["outputs"] == keys
    reached, places = paths_exist(graph), of_layers(graph)
    in_turn = {"in a tuple": ["output", "b", "output (2)"]}.get(case, list(keys.values()))
    columns = [i for name in in_turn for i in places[name]]
    flat = Function(
        lambda own, x: torch.cat([y for y in tree_leaves(returns(own.net, x)) if y is not None], 1),
        net=net(returns),
    )
    assert np.array_equal(reached[:, columns], moves(flat, X))


def test_a_net_without_keys_says_nothing_of_them() -> None:
    graph = trace(net(lambda net, x: (net.b(h := net.a(x)), h)), X)
    assert "outputs" not in graph.provenance[-1].parameters
    assert [x.name for x in graph.layers if x.role == "output"] == ["b", "output"]
