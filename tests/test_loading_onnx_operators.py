"""Each translated ONNX operator, run on numbers, compared with ONNX's reference implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch.nn import functional

from netsculpt.core.catalog import modules
from netsculpt.files.source import Source
from netsculpt.loading.programs.onnx.ops import translations
from netsculpt.tracing.program import Program, Ref

OPSET = 21
TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def model_of(
    nodes: list[Any], inputs: dict[str, Any], constants: dict[str, Any], opset: int = OPSET
) -> Any:
    """A model whose output is "y"."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(k, TYPES[x.dtype], x.shape) for k, x in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)],
        [numpy_helper.from_array(np.asarray(x), k) for k, x in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def program_of(model: Any, path: Path) -> Program:
    path.write_bytes(model.SerializeToString())
    source = Source.open(path, 1 << 30)
    assert [name for name, known in modules("formats").items() if known.sniff(source)] == ["onnx"]
    return modules("formats")["onnx"].read(source).value


def executed(program: Program, inputs: dict[str, Any]) -> Any:
    """The outputs of a program on tensors of numbers."""
    values: dict[str, Any] = {name: x.value for name, x in program.constants.items()}
    values |= {name: torch.from_numpy(x) for name, x in inputs.items()}

    def filled(given: Any) -> Any:
        if isinstance(given, Ref):
            return values[given.name]
        return type(given)(map(filled, given)) if isinstance(given, list | tuple) else given

    for op in program.ops:
        options = {key: filled(x) for key, x in op.kwargs.items()}
        if op.name == "getitem":
            found = values[op.args[0].name][op.args[1]]
        else:
            found = getattr(torch.ops.aten, op.name)(*filled(op.args), **options)
        shape = found[0].shape if isinstance(found, list | tuple) else found.shape
        assert tuple(shape) == op.shape, op.name
        values[op.output] = found
    (output,) = program.outputs
    return values[output.name].numpy()


def draw(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


X2, X3, X4, X5 = draw(2, 6), draw(2, 6, 9), draw(2, 6, 9, 7), draw(1, 4, 5, 6, 4)
POSITIVE = np.abs(X4) + 0.1


def ints(*given: int) -> Any:
    return np.array(given, np.int64)


def scalar(given: Any) -> Any:
    return np.array(given, np.float32)


# operator: cases of (inputs: the first, or more in order, depends on the net's inputs; constants
# None are left out; attributes; opset)
CASES: dict[str, list[tuple[list[Any], list[Any], dict[str, Any], int]]] = {}


def case(
    op: str, given: Any, *constants: Any, opset: int = OPSET, **attributes: Any
) -> None:  # fmt: skip
    inputs = given if isinstance(given, list) else [given]
    CASES.setdefault(op, []).append((inputs, list(constants), attributes, opset))


case("Gemm", X2, draw(4, 6), draw(4), transB=1)
case("Gemm", X2, draw(6, 4), draw(1, 4))
case("Gemm", X2, draw(6, 4))
case("Gemm", X2, draw(2, 5), draw(1), transA=1)
case("Gemm", X2, draw(4, 6), draw(2, 4), transB=1, alpha=0.5, beta=2.0)
case("Gemm", X2, draw(1, 6), draw(1), transB=1)
case("Gemm", X2, draw(4, 6), draw(1), transB=1)
case("MatMul", X3, draw(9, 5))
case("MatMul", [X3, draw(2, 9, 4)])
case("Conv", X3, draw(4, 6, 3), draw(4))
case("Conv", X4, draw(4, 6, 3, 2), draw(4), pads=[1, 0, 1, 0], strides=[2, 1], dilations=[1, 2])
case("Conv", X4, draw(6, 1, 3, 3), group=6, kernel_shape=[3, 3], pads=[1, 2, 0, 1])
case("Conv", X4, draw(4, 6, 4, 3), auto_pad="SAME_UPPER", strides=[2, 3])
case("Conv", X4, draw(4, 6, 4, 3), auto_pad="SAME_LOWER", strides=[2, 2])
case("Conv", X4, draw(4, 6, 4, 3), auto_pad="VALID")
case("Conv", X5, draw(6, 2, 2, 3, 2), None, group=2, pads=[1] * 6)
case("ConvTranspose", X3, draw(6, 4, 3), draw(4), strides=[2], pads=[1, 1], output_padding=[1])
case("ConvTranspose", X4, draw(6, 1, 3, 2), strides=[2, 1], dilations=[1, 2], group=6)
case("ConvTranspose", X4, draw(6, 2, 3, 3), strides=[2, 2], pads=[0, 1, 1, 0])
case("ConvTranspose", X5, draw(4, 3, 2, 2, 2), strides=[2, 2, 2])
for x in (X2, X4):
    case("BatchNormalization", x, draw(6), draw(6), draw(6), np.abs(draw(6)), epsilon=0.01)
case("BatchNormalization", X4, draw(6), draw(6), draw(6), np.abs(draw(6)), opset=14, momentum=0.8)
case("InstanceNormalization", X4, draw(6), draw(6), epsilon=0.01)
case("GroupNormalization", X4, draw(6), draw(6), num_groups=3, epsilon=0.01)
case("GroupNormalization", X4, draw(3), draw(3), num_groups=3, opset=18)
case("GroupNormalization", X4, draw(3), draw(3), num_groups=3, opset=20)
case("LayerNormalization", X4, draw(7), draw(7))
case("LayerNormalization", X4, draw(9, 7), axis=2, epsilon=0.1)
case("RMSNormalization", X4, draw(7), opset=23, epsilon=0.1)
case("MaxPool", X3, kernel_shape=[3], strides=[2], pads=[1, 1])
case("MaxPool", X4, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 0, 1], dilations=[2, 1])
case("MaxPool", X4, kernel_shape=[3, 3], auto_pad="SAME_UPPER", strides=[2, 2])
case("MaxPool", X4, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
case("MaxPool", X5, kernel_shape=[2, 2, 2])
case("AveragePool", X3, kernel_shape=[3], pads=[1, 1])
case("AveragePool", X4, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 1])
case("AveragePool", X4, kernel_shape=[3, 3], pads=[1, 0, 0, 1], count_include_pad=1)
case("AveragePool", X4, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
case("AveragePool", X5, kernel_shape=[2, 3, 2], strides=[1, 3, 2])
for x in (X3, X4, X5):
    case("GlobalAveragePool", x)
case("GlobalMaxPool", X4)
for name in ("Abs", "Atan", "Ceil", "Cos", "Erf", "Exp", "Floor", "HardSwish", "Mish", "Neg"):
    case(name, X4, opset=18)
for name in ("Reciprocal", "Relu", "Round", "Sigmoid", "Sign", "Sin", "Softplus", "Tan", "Tanh"):
    case(name, X4)
for name in ("Acos", "Asin"):
    case(name, np.tanh(X4))
for name in ("Log", "Sqrt"):
    case(name, POSITIVE)
for name in ("Celu", "Elu", "LeakyRelu", "ThresholdedRelu"):
    case(name, X4)
    case(name, X4, alpha=0.3)
case("Selu", X4)
case("HardSigmoid", X4)
case("HardSigmoid", X4, alpha=1 / 6)
case("Gelu", X4)
case("Gelu", X4, approximate="tanh")
case("Swish", X4, opset=24)
case("PRelu", X4, draw(6, 1, 1))
case("PRelu", X4, draw(1))
case("Clip", X4, scalar(-0.5), scalar(0.5))
case("Clip", X4, None, scalar(0.5))
case("Clip", X4, scalar(0), None)
case("Clip", X4, min=0.0, max=6.0, opset=6 + 1)
for name in ("Softmax", "LogSoftmax"):
    case(name, X4)
    case(name, X4, axis=1)
case("Softmax", X2, opset=11)
for name in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean"):
    case(name, [X4, draw(1, 6, 1, 1) + 5])
    case(name, X4, draw(7) + 5)
    case(name, X4, scalar(0.5))
case("Sum", [X4, X4 + 1, X4 * 2])
case("Mean", [X4, X4 + 1, X4 * 2])
case("Max", X4, draw(7), scalar(0.1))
case("Div", ints(7, -7, 8).reshape(1, 3), ints(2, 2, 3))
case("Pow", POSITIVE, scalar(1.5))
case("Pow", POSITIVE, draw(7))
case("Mod", ints(7, -7, 8).reshape(1, 3), ints(2, 2, 3))
case("Mod", X4, scalar(0.7), fmod=1)
for name in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
    case(name, ints(1, 2, 3).reshape(1, 3), ints(2, 2, 2))
case("Where", X4, opset=OPSET)  # its inputs are in another order: see `nodes_of`
for name in ("And", "Or", "Xor"):
    case(name, np.array([[True, True, False]]), np.array([True, False, False]))
case("Not", np.array([[True, True, False]]))
for name in ("IsNaN", "IsInf"):
    case(name, np.array([[1, np.nan, np.inf]], np.float32))
for name in ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"):
    case(name, X4, ints(2, -1))
    case(name, X4, ints(1), keepdims=0)
    case(name, X4)
    case(name, X4, noop_with_empty_axes=1)
    case(name, X4, axes=[2, 3], opset=11)
case("Reshape", X4, ints(0, 3, -1))
case("Reshape", X4, ints(2, 378), allowzero=1)
case("Flatten", X4)
case("Flatten", X4, axis=-1)
case("Flatten", X4, axis=0)
case("Flatten", X4, axis=4)
case("Squeeze", draw(2, 1, 3, 1), ints(1, -1))
case("Squeeze", draw(2, 1, 3, 1), axes=[1], opset=11)
case("Unsqueeze", X2, ints(3, 1))
case("Unsqueeze", X2, ints(-1, 0))
case("Unsqueeze", X2, axes=[0, 2], opset=11)
case("Transpose", X4, perm=[0, 2, 3, 1])
case("Transpose", X3)
case("Expand", draw(2, 1, 3), ints(4, 1))
case("Expand", draw(2, 1, 3), ints(5, 2, 4, 1))
case("Tile", X3, ints(1, 2, 3))
case("Concat", [X4, X4[:, :2]], axis=1)
case("Concat", [X4, X4[:, :, :, :2], X4], axis=-1)
case("Concat", X4, axis=1)
case("Split", X4, ints(2, 4), axis=1)
case("Split", X4, axis=-1, num_outputs=2)
case("Split", X4, axis=1, split=[1, 5], opset=11)
case("Split", X4, axis=1, opset=13)
case("Slice", X4, ints(1, -3), ints(4, 2**62), ints(1, -1), ints(2, 1))
case("Slice", X4, ints(-1, 5), ints(-(2**63), 1), ints(2, 1), ints(-1, -2))
case("Slice", X4, ints(0, 2), ints(2, 5))
case("Slice", X4, ints(4), ints(2), ints(1))
case("Slice", X4, starts=[1], ends=[-1], axes=[3], opset=9)
case("Gather", X4, np.array(2), axis=1)
case("Gather", X4, ints(1, 2, 3), axis=-1)
case("Gather", X4, ints(4, 0, -1), axis=1)
case("Gather", X4, ints(4, 0, -1, 2).reshape(2, 2), axis=2)
case("DepthToSpace", draw(2, 12, 3, 2), blocksize=2)
case("DepthToSpace", draw(2, 12, 3, 2), blocksize=2, mode="CRD")
case("SpaceToDepth", draw(2, 3, 6, 4), blocksize=2)
case("Pad", X4, ints(0, 1, 2, 0, 0, 0, 1, 3), scalar(0.5))
case("Pad", X4, ints(0, 0, 2, 0, 0, 0, 1, 3), mode="reflect")
case("Pad", X4, ints(1, 2, 0, 3), None, ints(-1, 2), mode="edge")
case("Pad", X4, ints(0, 0, 2, 0, 0, 0, 1, 3), mode="wrap")
case("Pad", X4, pads=[0, 0, 1, 1, 0, 0, 1, 1], value=1.0, opset=9)
DOWN = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
case("Resize", X4, None, np.array([1, 1, 2, 3], np.float32), **DOWN)
case("Resize", X4, None, None, ints(2, 6, 4, 10), **DOWN)
case("Resize", X4, None, np.array([1, 1, 2, 3], np.float32))
case("Resize", X3, None, np.array([1, 1, 2], np.float32), **DOWN)
case("Resize", X4, None, np.array([1, 1, 2, 2], np.float32), mode="linear")
case("Resize", X4, None, None, ints(2, 6, 5, 4), mode="linear")
CORNERS = {"coordinate_transformation_mode": "align_corners"}
case("Resize", X4, None, None, ints(2, 6, 5, 12), mode="linear", **CORNERS)
case("Identity", X4)
case("Dropout", X4, scalar(0.3), np.array(False))
case("Dropout", X4, opset=11, ratio=0.3)
case("Cast", X4, to=TensorProto.DOUBLE)
case("Cast", X4, to=TensorProto.FLOAT16)
case("CastLike", X4, np.array(1.0))
SEQUENCE, STEPS = draw(7, 2, 5), {"hidden_size": 3}
for way, n in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
    where = {**STEPS, "direction": way}
    gated = (draw(n, 12, 5), draw(n, 12, 3), draw(n, 24))
    case("LSTM", SEQUENCE, *gated, None, draw(n, 2, 3), draw(n, 2, 3) + 1, **where)
    three = {**where, "linear_before_reset": 1}
    case("GRU", SEQUENCE, draw(n, 9, 5), draw(n, 9, 3), draw(n, 18), **three)
    case("RNN", SEQUENCE, draw(n, 3, 5), draw(n, 3, 3), draw(n, 6), **where)
case("LSTM", SEQUENCE, draw(1, 12, 5), draw(1, 12, 3), **STEPS)
case("LSTM", SEQUENCE, draw(1, 12, 5), draw(1, 12, 3), None, np.array([7, 7], np.int32), **STEPS)

TYPES[np.dtype(bool)] = TensorProto.BOOL
SOURCES = {"Constant", "ConstantOfShape", "Range", "Shape", "Size"}  # see the chain below
QUANTISED = {"DequantizeLinear", "QuantizeLinear"}  # in test_loading_onnx_quantised.py


def nodes_of(op: str, n: int, constants: list[Any], attributes: dict[str, Any]) -> list[Any]:
    names = [f"x{at}" for at in range(n)]
    names += ["" if x is None else f"c{at}" for at, x in enumerate(constants)]
    outputs = ["y"] if op != "Split" else ["other", "y"]
    if op == "Where":
        names = ["c0", "x0", "c1"]
    return [helper.make_node(op, names, outputs, name="tested", **attributes)]


@pytest.mark.parametrize(
    ("op", "at"), [(op, at) for op, found in CASES.items() for at in range(len(found))]
)
def test_operators_give_what_the_reference_gives(op: str, at: int, tmp_path: Path) -> None:
    given, constants, attributes, opset = CASES[op][at]
    if op == "Where":
        constants = [X4[:1] > 0, scalar(7)]
    inputs = {f"x{at}": x for at, x in enumerate(given)}
    nodes = nodes_of(op, len(given), constants, attributes)
    held = {f"c{at}": x for at, x in enumerate(constants) if x is not None}
    model = model_of(nodes, inputs, held, opset)
    expected = ReferenceEvaluator(model).run(["y"], inputs)[0]
    found = executed(program_of(model, tmp_path / "model"), inputs)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)


def test_every_operator_is_tested() -> None:
    assert set(CASES) | SOURCES | QUANTISED == set(translations())


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("op", ["GRU", "LSTM", "RNN"])
def test_last_states_and_batches_first(op: str, layout: int, tmp_path: Path) -> None:
    gates = {"GRU": 3, "LSTM": 4, "RNN": 1}[op]
    held = {"w": draw(1, gates * 3, 5), "r": draw(1, gates * 3, 3), "b": draw(1, gates * 6)}
    more = {"linear_before_reset": 1} if op == "GRU" else {}
    names = ["all", "y", "c"][: 3 if op == "LSTM" else 2]
    x = SEQUENCE.transpose(1, 0, 2) if layout else SEQUENCE
    inputs = {"x": np.ascontiguousarray(x)}
    for wanted in names:
        outputs = ["y" if name == wanted else f"{name}2" for name in names]
        node = helper.make_node(op, ["x", *held], outputs, hidden_size=3, layout=layout, **more)
        plain = helper.make_node(op, ["x", *held], outputs, hidden_size=3, **more)
        found = executed(program_of(model_of([node], inputs, held), tmp_path / "a"), inputs)
        expected = ReferenceEvaluator(model_of([plain], {"x": SEQUENCE}, held)).run(
            ["y"], {"x": SEQUENCE}
        )[0]
        if layout:
            order = (2, 0, 1, 3) if wanted == "all" else (1, 0, 2)
            expected = expected.transpose(order)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


SQUARE_ROOT = np.float32(2**0.5)
GATES = {
    "silu": (["Sigmoid x s", "Mul s x y"], functional.silu),
    "hardswish": (["HardSigmoid x s", "Mul x s y"], functional.hardswish),
    "mish": (["Softplus x s", "Tanh s t", "Mul x t y"], functional.mish),
    "gelu": (
        ["Div x root d", "Erf d e", "Add e one f", "Mul x f g", "Mul g half y"],
        functional.gelu,
    ),
    "gelu, halved first": (
        ["Div x root d", "Erf d e", "Add one e f", "Mul half f g", "Mul x g y"],
        functional.gelu,
    ),
}


@pytest.mark.parametrize("kind", GATES)
def test_functions_that_exporters_write_as_products(kind: str, tmp_path: Path) -> None:
    lines, function = GATES[kind]
    nodes = []
    for op, *names in map(str.split, lines):
        slope = {"alpha": 1 / 6} if op == "HardSigmoid" else {}
        nodes.append(helper.make_node(op, names[:-1], names[-1:], **slope))
    held = {"root": SQUARE_ROOT, "one": scalar(1), "half": scalar(0.5)}
    program = program_of(model_of(nodes, {"x": X4}, held), tmp_path / "model")
    assert [op.name for op in program.ops] == [kind.partition(",")[0]]
    expected = function(torch.from_numpy(X4)).numpy()
    np.testing.assert_allclose(executed(program, {"x": X4}), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "lines",
    [
        ["Sigmoid x s", "Mul s z y"],
        ["Sigmoid x s", "Mul s x t", "Mul t half y"],
        ["Sigmoid x s", "Mul s s y"],
        ["Div x one d", "Erf d e", "Add e one f", "Mul x f g", "Mul g half y"],
        ["Div x root d", "Erf d e", "Add e half f", "Mul x f g", "Mul g half y"],
        ["Div root x d", "Erf d e", "Add e one f", "Mul x f g", "Mul g half y"],
        ["Div x root d", "Erf d e", "Add e one f", "Mul x f y"],
    ],
    ids=" ".join,
)
def test_other_products_stay_products(lines: list[str], tmp_path: Path) -> None:
    nodes = [helper.make_node(op, x[:-1], x[-1:]) for op, *x in map(str.split, lines)]
    held = {"root": SQUARE_ROOT, "one": scalar(1), "half": scalar(0.5)}
    inputs = {"x": X4, "z": X4 + 1}
    model = model_of(nodes, inputs, held)
    program = program_of(model, tmp_path / "model")
    assert program.ops[-1].name == "mul"
    expected = ReferenceEvaluator(model).run(["y"], inputs)[0]
    found = executed(program, inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_old_batch_norms_are_new_ones(tmp_path: Path) -> None:
    """The reference treats norms of opset 9 as training, which they are with more outputs."""
    held = {name: np.abs(draw(6)) + at for at, name in enumerate("abcd")}
    found = [
        executed(
            program_of(
                model_of(
                    [helper.make_node("BatchNormalization", ["x", *held], ["y"])],
                    {"x": X4}, held, opset,
                ),
                tmp_path / "model",
            ),
            {"x": X4},
        )
        for opset in (9, 15)
    ]  # fmt: skip
    assert np.array_equal(*found)
