"""ONNX files have the graphs of the torch nets that they were exported from."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn
from torch.nn import functional
from torch.onnx._internal.exporter._registration import ONNXRegistry

import netsculpt
from netsculpt.core.catalog import modules
from netsculpt.core.errors import MissingLibraryError, TopologyError
from netsculpt.files.source import Source
from netsculpt.graph.graph import NetGraph
from netsculpt.loading import load
from netsculpt.loading.programs.onnx.external import External
from netsculpt.loading.programs.onnx.tensors import Tensors


class Net(nn.Module):
    """A net with this forward function."""

    def __init__(self, forward: Callable[..., Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.called = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.called(self, x)


def residual(net: Any, x: Tensor) -> Tensor:
    y = net.norm2(net.conv2(net.norm1(net.conv1(x)).relu()))
    return net.fc((y + net.down(x)).relu().mean((2, 3)))


def dense(net: Any, x: Tensor) -> Tensor:
    x = torch.cat([x, net.a(x).relu()], 1)
    return net.fc(torch.cat([x, net.b(x).relu()], 1).flatten(1))


def unet(net: Any, x: Tensor) -> Tensor:
    a = net.a(x).relu()
    b = net.b(functional.max_pool2d(a, 2)).relu()
    return net.c(torch.cat([a, net.up(b), functional.interpolate(b, scale_factor=2)], 1))


def parts_of_channels(net: Any, x: Tensor) -> Tensor:
    a, b = net.a(x).chunk(2, 1)
    return net.b(torch.stack([a, b * 0.5], 2)[:, 1:].transpose(1, 2).reshape(x.shape[0], -1))


def classified(net: Any, x: Tensor) -> Tensor:
    return net.fc(net.lstm(x)[0][:, -1])


def embedded(net: Any, x: Tensor) -> Tensor:
    return net.fc(net.tokens(x).mean(1))


def conv(*given: Any, **more: Any) -> nn.Conv2d:
    return nn.Conv2d(*given, **more)


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "MLP": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 5), nn.Tanh()),
        (6,),
    ),
    "LeNet": (
        lambda: nn.Sequential(
            *(conv(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), conv(4, 6, 3), nn.ReLU()),
            *(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(150, 10), nn.Softmax(1)),
        ),
        (1, 28, 28),
    ),
    "residual": (
        lambda: Net(
            residual,
            conv1=conv(4, 8, 3, 2, 1, bias=False),
            norm1=nn.BatchNorm2d(8),
            conv2=conv(8, 8, 3, 1, 1, bias=False),
            norm2=nn.BatchNorm2d(8),
            down=nn.Sequential(conv(4, 8, 1, 2, bias=False), nn.BatchNorm2d(8)),
            fc=nn.Linear(8, 3),
        ),
        (4, 8, 8),
    ),
    "depthwise": (
        lambda: nn.Sequential(
            *(conv(3, 6, 3, padding=1, groups=3), nn.Hardswish(), conv(6, 4, 1), nn.ReLU6()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
        ),
        (3, 8, 8),
    ),
    "dense": (
        lambda: Net(dense, a=conv(3, 4, 3, padding=1), b=conv(7, 5, 1), fc=nn.Linear(192, 2)),
        (3, 4, 4),
    ),
    "U-Net": (
        lambda: Net(
            unet,
            a=conv(1, 4, 3, padding=1),
            b=conv(4, 6, 3, padding=1),
            up=nn.ConvTranspose2d(6, 4, 2, 2),
            c=conv(14, 2, 1),
        ),
        (1, 8, 8),
    ),
    "norms": (
        lambda: nn.Sequential(
            *(nn.Conv1d(3, 6, 3), nn.GroupNorm(2, 6), nn.GELU(), nn.Flatten()),
            *(nn.Linear(36, 8), nn.LayerNorm(8), nn.SiLU(), nn.Linear(8, 8), nn.Mish()),
            *(nn.Linear(8, 2), nn.LogSoftmax(-1)),
        ),
        (3, 8),
    ),
    "mixer": (
        lambda: nn.Sequential(
            *(conv(3, 8, 4, 4), nn.Flatten(2), nn.Linear(4, 4), nn.ReLU()),
            *(nn.Flatten(1), nn.Linear(32, 2)),
        ),
        (3, 8, 8),
    ),
    "encoder": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (3, 8)),
    "LSTM": (
        lambda: Net(
            classified,
            lstm=nn.LSTM(5, 6, batch_first=True, bidirectional=True),
            fc=nn.Linear(12, 3),
        ),
        (4, 5),
    ),
    "embedding": (lambda: Net(embedded, tokens=nn.Embedding(11, 6), fc=nn.Linear(6, 3)), (4,)),
    "parts": (lambda: Net(parts_of_channels, a=nn.Linear(5, 8), b=nn.Linear(6, 3)), (5,)),
}


def pruned(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    net = make().eval()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_()
            layer.running_var.uniform_(0.5, 2)
    with torch.no_grad():
        for weight in net.parameters():
            weight.normal_()
            if weight.ndim > 1:
                weight[torch.rand_like(weight) < 0.5] = 0
    return net


REGISTERED = staticmethod(cache(ONNXRegistry.from_torchlib))  # a third of the time of an export


def exported(net: nn.Module, example: Tensor, path: Path, opset: int) -> None:
    """Export by torch, with an open batch for the older opset."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    shapes = ({0: torch.export.Dim("batch")},) if opset < 20 else None
    options = {"dynamic_shapes": shapes, "opset_version": opset, "verbose": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", REGISTERED)
        torch.onnx.export(net, (torch.cat([example, example]),), str(path), dynamo=True, **options)


def blocks(graph: NetGraph) -> list[Any]:
    """The blocks of a graph, without the names of its layers."""
    at = {layer.name: number for number, layer in enumerate(graph.layers)}
    return [(at[x.source], at[x.target], x.kind, x.size) for x in graph.blocks]


def alike(one: NetGraph, two: NetGraph) -> None:
    assert [(x.role, x.n_units) for x in one.layers] == [(x.role, x.n_units) for x in two.layers]
    assert blocks(one) == blocks(two)
    assert np.array_equal(one.weights.indptr, two.weights.indptr)
    assert np.array_equal(one.weights.indices, two.weights.indices)
    np.testing.assert_allclose(one.weights.data, two.weights.data, rtol=1e-5)
    assert (one.multiplicity is None) == (two.multiplicity is None)
    if one.multiplicity is not None:
        assert np.array_equal(one.multiplicity, two.multiplicity)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "opset"), [(kind, (18, 20)[at % 2]) for at, kind in enumerate(NETS)]
)
def test_exported_nets_have_the_graphs_that_they_had(
    kind: str, opset: int, tmp_path: Path
) -> None:  # fmt: skip
    make, shape = NETS[kind]
    net = pruned(make)
    example = torch.zeros(1, *shape, dtype=torch.int64 if kind == "embedding" else torch.float32)
    exported(net, example, tmp_path / "net", opset)
    graph = load(tmp_path / "net")
    alike(graph, netsculpt.trace(net, example))
    step = graph.provenance[0]
    assert step.parameters["format"] == "onnx"
    assert step.parameters["opset"] == opset
    assert "may be folded" in step.parameters["weights"]


def saved(
    path: Path,
    nodes: list[Any],
    constants: dict[str, Any],
    shape: Any = (1, 3),
    *,
    sparse: Any = (),
    inputs: Any = None,
    opset: int = 21,
) -> Path:
    """A model with input x and output y."""
    held = [
        x if isinstance(x, TensorProto) else numpy_helper.from_array(np.asarray(x), name)
        for name, x in constants.items()
    ]
    given = inputs or [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    output = helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)
    graph = helper.make_graph(nodes, "g", given, [output], held, sparse_initializer=list(sparse))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    path.write_bytes(model.SerializeToString())
    return path


def float32(*shape: int) -> Any:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


NODE = helper.make_node


def test_a_batch_norm_that_is_not_folded(tmp_path: Path) -> None:
    net = pruned(lambda: nn.Sequential(conv(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), conv(4, 2, 1)))
    state = {name: x.numpy() for name, x in net.state_dict().items() if x.ndim}
    norm = [f"1.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    nodes = [
        NODE("Conv", ["x", "0.weight", "0.bias"], ["a"], name="/0/Conv"),
        NODE("BatchNormalization", ["a", *norm], ["b"], name="/1/BatchNormalization"),
        NODE("Relu", ["b"], ["c"], name="/2/Relu"),
        NODE("Conv", ["c", "3.weight", "3.bias"], ["y"], name="/3/Conv"),
    ]
    graph = load(saved(tmp_path / "net", nodes, state, ("batch", 2, 5, 5)))
    alike(graph, netsculpt.trace(net, torch.zeros(1, 2, 5, 5)))
    assert [layer.name for layer in graph.layers] == ["input", "0", "3"]
    assert [block.parameter for block in graph.blocks] == ["0.weight", "3.weight"]


def test_a_mask_that_multiplies_decides_which_edges_exist(tmp_path: Path) -> None:
    weight = np.array([[1, 0, 2], [3, 0, 4]], np.float32)
    mask = np.array([[1, 1, 0], [0, 0, 1]], np.float32)
    nodes = [
        NODE("Mul", ["w", "m"], ["v"]),
        NODE("Gemm", ["x", "v"], ["y"], transB=1),
    ]
    graph = load(saved(tmp_path / "net", nodes, {"w": weight, "m": mask}))
    assert graph.blocks[0].parameter == "w"
    assert graph.weights[:3, 3:].toarray().tolist() == [[1, 0], [0, 0], [0, 4]]
    assert graph.n_edges == 3


def test_factors_of_ones_are_no_masks(tmp_path: Path) -> None:
    nodes = [NODE("Mul", ["w", "one"], ["v"]), NODE("Gemm", ["x", "v"], ["y"], transB=1)]
    constants = {"w": 2 * np.eye(3, dtype=np.float32), "one": np.ones((3, 1), np.float32)}
    assert load(saved(tmp_path / "net", nodes, constants)).n_edges == 3


def test_masks_from_a_file_of_their_own(tmp_path: Path) -> None:
    nodes = [NODE("Gemm", ["x", "w"], ["y"], transB=1)]
    path = saved(tmp_path / "net", nodes, {"w": float32(2, 3)})
    torch.save({"w": torch.tensor([[1, 0, 1], [0, 0, 1]])}, tmp_path / "masks.pt")
    graph = load(path, mask=tmp_path / "masks.pt")
    assert graph.n_edges == 3
    assert graph.provenance[0].parameters["mask"] == "masks.pt"


def sparse(values: Any, indices: Any, shape: list[int]) -> Any:
    value = numpy_helper.from_array(np.array(values, np.float32), "w")
    return helper.make_sparse_tensor(
        value, numpy_helper.from_array(np.array(indices, np.int64), "w_at"), shape
    )


@pytest.mark.parametrize("indices", [[0, 4, 5], [[0, 0], [1, 1], [1, 2]]])
def test_sparse_tensors_keep_the_zeros_that_they_store(indices: Any, tmp_path: Path) -> None:
    held = sparse([1, 0, 3], indices, [2, 3])
    nodes = [NODE("Gemm", ["x", "w"], ["y"], transB=1)]
    graph = load(saved(tmp_path / "net", nodes, {}, sparse=[held]))
    assert graph.n_edges == 3
    assert graph.weights[:3, 3:].toarray().tolist() == [[1, 0], [0, 0], [0, 3]]


def test_shapes_that_the_model_works_out(tmp_path: Path) -> None:
    """A reshape to [batch, size // 2, 2] where every number comes from other nodes."""
    nodes = [
        NODE("Shape", ["x"], ["s"]),
        NODE("Constant", [], ["zero"], value_int=0),
        NODE("Gather", ["s", "zero"], ["n"]),
        NODE("Constant", [], ["axis"], value_ints=[0]),
        NODE("Unsqueeze", ["n", "axis"], ["batch"]),
        NODE("Size", ["x"], ["all"]),
        NODE("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2))),
        NODE("Div", ["all", "two"], ["half"]),
        NODE("Cast", ["half"], ["f"], to=TensorProto.FLOAT),
        NODE("Floor", ["f"], ["g"]),
        NODE("Cast", ["g"], ["i"], to=TensorProto.INT64),
        NODE("Unsqueeze", ["i", "axis"], ["rows"]),
        NODE("Constant", [], ["three"], value_int=3),
        NODE("Range", ["two", "three", "two"], ["columns"]),
        NODE("Concat", ["batch", "rows", "columns"], ["shape"], axis=0),
        NODE("Reshape", ["x", "shape"], ["pairs"]),
        NODE("ConstantOfShape", ["columns"], ["ones"], value=helper.make_tensor("", 1, [1], [1])),
        NODE("Mul", ["pairs", "ones"], ["same"]),
        NODE("Flatten", ["same"], ["flat"]),
        NODE("Gemm", ["flat", "w"], ["y"]),
    ]
    weight = float32(6, 2)
    path = saved(tmp_path / "net", nodes, {"w": weight}, ("N", 6))
    graph = load(path)
    assert np.array_equal(graph.weights[:6, 6:].toarray(), weight)
    given = float32(1, 6)
    (found,) = ReferenceEvaluator(onnx.load(path)).run(None, {"x": given})
    np.testing.assert_allclose(found, given @ weight, rtol=1e-5)


def test_layers_with_made_up_weights_have_the_names_of_their_nodes(tmp_path: Path) -> None:
    nodes = [
        NODE("MatMul", ["x", "onnx::MatMul_7"], ["a"], name="/body/fc1/MatMul"),
        NODE("MatMul", ["a", "fc2.weight"], ["b"], name="/fc2/MatMul"),
        NODE("MatMul", ["b", "last"], ["y"], name="MatMul_3"),
    ]
    held = {"onnx::MatMul_7": float32(3, 4), "fc2.weight": float32(4, 2), "last": float32(2, 2)}
    graph = load(saved(tmp_path / "net", nodes, held))
    assert [x.name for x in graph.layers] == ["input", "body.fc1", "fc2", "last"]
    assert [x.parameter for x in graph.blocks] == list(held)


def test_weights_in_constant_nodes_have_names(tmp_path: Path) -> None:
    held = numpy_helper.from_array(float32(3, 2))
    nodes = [
        NODE("Constant", [], ["w"], value=held, name="weights"),
        NODE("MatMul", ["x", "w"], ["y"]),
    ]
    graph = load(saved(tmp_path / "net", nodes, {}))
    assert graph.blocks[0].parameter == "weights"
    assert graph.blocks[0].size == 6


KINDS = {
    **{name: np.dtype(name) for name in ("float16", "float32", "float64", "int64", "int32")},
    **{name: np.dtype(name) for name in ("int8", "uint8", "int16", "bool", "uint16", "uint32")},
}


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("kind", [*KINDS, "bfloat16"])
def test_tensors_of_every_type(kind: str, raw: bool, tmp_path: Path) -> None:
    numbers = np.array([[1, 0, 3], [100, 5, 1]])
    if kind == "bfloat16":
        wanted = torch.tensor(numbers, dtype=torch.bfloat16)
        bits = wanted.view(torch.int16).numpy()
        proto = TensorProto(data_type=TensorProto.BFLOAT16, dims=[2, 3], name="w")
        if raw:
            proto.raw_data = bits.tobytes()
        else:
            proto.int32_data.extend(bits.view(np.uint16).reshape(-1).tolist())
    else:
        array = numbers.astype(KINDS[kind])
        wanted = torch.from_numpy(array.astype(np.int64 if kind[0] == "u" else array.dtype))
        number = helper.np_dtype_to_tensor_dtype(array.dtype)
        data = array.tobytes() if raw else array.reshape(-1)
        proto = helper.make_tensor("w", number, [2, 3], data, raw=raw)
    (tmp_path / "file").write_bytes(b"x")
    source = Source.open(tmp_path / "file", 1000)
    found = Tensors(source, External(source)).dense(proto)
    assert torch.equal(found.to(wanted.dtype), wanted)
    assert found.dtype.is_floating_point == wanted.dtype.is_floating_point


def test_only_onnx_models_are_taken_for_some(tmp_path: Path) -> None:
    path = saved(tmp_path / "net", [NODE("Relu", ["x"], ["y"])], {})
    content = path.read_bytes()
    for changed, known in [
        (content, True),
        (content[:-1], False),
        (content + b"\0", False),
        (content[4:], False),
        (b"\x08\x07", False),
    ]:
        path.write_bytes(changed)
        found = [x for x, y in modules("formats").items() if y.sniff(Source.open(path, 1 << 20))]
        assert found == (["onnx"] if known else [])


def test_without_the_package_the_way_to_get_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    path = saved(tmp_path / "net", [NODE("Relu", ["x"], ["y"])], {})
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingLibraryError, match=r"pip install 'netsculpt\[onnx\]'"):
        load(path)


def info(name: str, shape: Any, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def branch() -> Any:
    body = helper.make_graph([NODE("Relu", ["x"], ["z"])], "b", [], [info("z", [1, 3])])
    return NODE("If", ["c"], ["y"], name="fork", then_branch=body, else_branch=body)


W = {"w": float32(3, 3)}
GRU_WEIGHTS = {"w": float32(1, 9, 3), "r": float32(1, 9, 3)}
ASYMMETRIC = {"coordinate_transformation_mode": "asymmetric"}
UNKNOWN: dict[str, tuple[list[Any], dict[str, Any], dict[str, Any], str]] = {
    "an operator": ([NODE("NonZero", ["x"], ["y"], name="n")], {}, {}, "'n' of type 'NonZero'"),
    "a domain": (
        [NODE("Gelu", ["x"], ["y"], domain="com.microsoft")],
        *({}, {}, "no translation of it in domain 'com.microsoft'"),
    ),
    "branches": ([branch()], {"c": np.array(True)}, {}, "'fork' of type 'If'.*contains a graph"),
    "attribute": ([NODE("Relu", ["x"], ["y"], sharp=1)], {}, {}, "its attributes sharp have"),
    "attribute's type": ([NODE("Elu", ["x"], ["y"], alpha="a")], {}, {}, "'alpha' is 'a'"),
    "surplus input": ([NODE("Relu", ["x", "w"], ["y"])], W, {}, "its input 2 has no translation"),
    "left out input": ([NODE("MatMul", ["x", ""], ["y"])], W, {}, "its input 2 is missing"),
    "unknown shape": (
        [NODE("Cast", ["x"], ["s"], to=TensorProto.INT64), NODE("Reshape", ["x", "s"], ["y"])],
        *({}, {}, "rounds an activation"),
    ),
    "shape from data": (
        [NODE("Shape", ["x"], ["s"]), NODE("Reshape", ["w", "x"], ["y"])],
        *(W, {}, "depends on the net's inputs"),
    ),
    "mask of dropout": ([NODE("Dropout", ["x"], ["z", "y"])], {}, {}, "output 2 is used"),
    "training": (
        [NODE("Dropout", ["x", "", "t"], ["y"])],
        *({"t": np.array(True)}, {}, "after net.eval"),
    ),
    "training norm": (
        [NODE("BatchNormalization", ["x", *"bbbb"], ["y"], training_mode=1)],
        *({"b": float32(3)}, {}, "training mode"),
    ),
    "means at the border": (
        [NODE("AveragePool", ["x"], ["y"], kernel_shape=[2], pads=[1, 0])],
        *({}, {"shape": (1, 3, 6)}, "its means leave out"),
    ),
    "half a window": (
        [NODE("MaxPool", ["x"], ["y"], kernel_shape=[2], strides=[2], ceil_mode=1)],
        *({}, {"shape": (1, 3, 5)}, "kept by ceil_mode"),
    ),
    "padding twice": (
        [NODE("Conv", ["x", "k"], ["y"], auto_pad="SAME_UPPER", pads=[1, 1])],
        *({"k": float32(2, 3, 3)}, {"shape": (1, 3, 5)}, "padded by"),
    ),
    "softmax of old": (
        [NODE("Softmax", ["x"], ["y"])],
        *({}, {"shape": (1, 3, 4), "opset": 11}, "before opset 13"),
    ),
    "squeezed batch": ([NODE("Squeeze", ["x"], ["y"])], {}, {}, "a batch of one would be lost"),
    "reset": (
        [NODE("GRU", ["x", "w", "r"], ["", "y"], hidden_size=3)],
        *(GRU_WEIGHTS, {"shape": (4, 1, 3)}, "linear_before_reset"),
    ),
    "no steps": (
        [NODE("GRU", ["x", "w", "r", "", "", "h"], ["y"], linear_before_reset=1)],
        {**GRU_WEIGHTS, "h": float32(1, 0, 3)},
        *({"shape": (4, 1, 3)}, r"its input 6 is \[1, 0, 3\], \[1, 1, 3\] is needed"),
    ),
    "too few gates": (
        [NODE("LSTM", ["x", "w", "r"], ["y"])],
        *(GRU_WEIGHTS, {"shape": (4, 1, 3)}, r"its input 2 is \[1, 9, 3\], \[1, 8, 3\]"),
    ),
    "cubic": (
        [NODE("Resize", ["x", "", "s"], ["y"], mode="cubic")],
        *({"s": np.float32([1, 1, 2])}, {"shape": (1, 3, 4)}, "mode is 'cubic'"),
    ),
    "nearest, rounded up": (
        [NODE("Resize", ["x", "", "s"], ["y"], nearest_mode="ceil", **ASYMMETRIC)],
        *({"s": np.float32([1, 1, 2])}, {"shape": (1, 3, 4)}, "'asymmetric' and 'ceil'"),
    ),
    "nearest, between": (
        [NODE("Resize", ["x", "", "s"], ["y"])],
        *({"s": np.float32([1, 1, 1.5])}, {"shape": (1, 3, 4)}, "mode is 'nearest'"),
    ),
    "open shape": (
        [NODE("Relu", ["x"], ["y"])],
        *({}, {"shape": ("n", 3, "width")}, r"'x'.*\['any', 3, 'any'\].*fixed shapes"),
    ),
    "vector": ([NODE("Relu", ["x"], ["y"])], {}, {"shape": (3,)}, "a batch and fixed sizes"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_is_not_translated_exactly_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    nodes, constants, options, message = UNKNOWN[kind]
    with pytest.raises(TopologyError, match=message) as caught:
        load(saved(tmp_path / "net", nodes, constants, **options))
    assert "\n" not in str(caught.value)
