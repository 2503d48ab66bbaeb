"""Quantised weights of ONNX files are edges with their real weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from netsculpt import NetGraph, load
from netsculpt.core.errors import TopologyError

RNG = np.random.default_rng(0)
WHOLE = RNG.integers(-3, 4, (3, 4)).astype(np.int8)  # [out, in]
LAST = RNG.normal(size=(2, 3)).astype(np.float32)


def made(
    tmp_path: Path, nodes: list[Any], arrays: dict[str, NDArray[Any]], opset: int = 21
) -> NetGraph:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(x, name) for name, x in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    onnx.save(model, str(tmp_path / "net.onnx"))
    return load(tmp_path / "net.onnx")


def gemms(first: str = "w", read: str = "x") -> list[Any]:
    return [
        helper.make_node("Gemm", [read, first], ["h"], transB=1),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Gemm", ["r", "last"], ["y"], transB=1),
    ]


def dequantised(*inputs: str, **attributes: Any) -> Any:
    return helper.make_node("DequantizeLinear", inputs, ["w"], **attributes)


CASES: dict[str, tuple[list[str], dict[str, NDArray[Any]], dict[str, Any], Any]] = {
    "one scale": (["q", "s"], {"s": np.float32(0.5)}, {}, WHOLE * 0.5),
    "a zero point": (
        ["q", "s", "z"], {"s": np.float32(0.5), "z": np.int8(1)}, {}, (WHOLE - 1.0) * 0.5,
    ),
    "a scale for each output": (
        ["q", "s", "z"],
        {"s": np.array([0.5, 1, 2], np.float32), "z": np.array([1, 0, -1], np.int8)},
        {"axis": 0},
        (WHOLE - np.array([[1], [0], [-1]])) * np.array([[0.5], [1], [2]]),
    ),
    "a scale for each input": (
        ["q", "s"], {"s": np.array([1, 2, 3, 4], np.float32)}, {"axis": -1}, WHOLE * [1, 2, 3, 4],
    ),
    "a scale for each block": (
        ["q", "s"],
        {"s": np.array([[1, 2], [3, 4], [5, 6]], np.float32)},
        {"axis": 1, "block_size": 2},
        WHOLE * np.repeat([[1, 2], [3, 4], [5, 6]], 2, axis=1),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_weights(kind: str, tmp_path: Path) -> None:
    inputs, numbers, attributes, right = CASES[kind]
    nodes = [dequantised(*inputs, **attributes), *gemms()]
    graph = made(tmp_path, nodes, {"q": WHOLE, "last": LAST, **numbers})
    names = [layer.name for layer in graph.layers]
    np.testing.assert_allclose(graph.block(*names[:2]).toarray(), np.asarray(right).T, rtol=1e-6)
    assert graph.n_parameters == np.count_nonzero(right) + LAST.size
    assert graph.density == graph.n_parameters / (WHOLE.size + LAST.size)
    assert graph.blocks[0].parameter == "q"


def test_activations_that_are_rounded_in_between(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "sx", "zx"], ["xd"]),
        dequantised("q", "s"),
        *gemms(read="xd"),
    ]
    numbers = {"s": np.float32(0.25), "sx": np.float32(0.03), "zx": np.uint8(128)}
    graph = made(tmp_path, nodes, {"q": WHOLE, "last": LAST, **numbers})
    names = [layer.name for layer in graph.layers]
    np.testing.assert_allclose(graph.block(*names[:2]).toarray(), WHOLE.T * 0.25, rtol=1e-6)


def test_scales_that_do_not_fit(tmp_path: Path) -> None:
    numbers = {"s": np.ones(2, np.float32)}
    with pytest.raises(TopologyError, match=r"its scale is \[2\] for \[3, 4\]"):
        made(
            tmp_path,
            [dequantised("q", "s", axis=0), *gemms()],
            {"q": WHOLE, "last": LAST, **numbers},
        )
