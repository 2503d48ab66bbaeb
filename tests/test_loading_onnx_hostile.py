"""False ONNX files, and files that only begin like one, all raise a NetsculptError."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from netsculpt.core.errors import (
    FormatError,
    LimitError,
    NetsculptError,
    TopologyError,
    UnsafeFileError,
)
from netsculpt.loading import load

NODE = helper.make_node
HUGE = 1 << 62


def weight(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def good() -> Any:
    """A small convolutional net with a sparse last weight."""
    nodes = [
        NODE("Conv", ["x", "k", "b"], ["a"], name="/conv/Conv", pads=[1, 1, 1, 1]),
        NODE("Relu", ["a"], ["r"]),
        NODE("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        NODE("Shape", ["p"], ["s"]),
        NODE("Constant", [], ["zero"], value_ints=[0]),
        NODE("Gather", ["s", "zero"], ["n"]),
        NODE("Concat", ["n", "rest"], ["shape"], axis=0),
        NODE("Reshape", ["p", "shape"], ["f"]),
        NODE("Gemm", ["f", "w"], ["z"], transB=1),
        NODE("Softmax", ["z"], ["y"]),
    ]
    held = {"k": weight(3, 2, 3, 3), "b": weight(3), "rest": np.array([-1])}
    values = numpy_helper.from_array(weight(3), "w")
    at = numpy_helper.from_array(np.array([1, 13, 20]), "w_at")
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(x, name) for name, x in held.items()],
        sparse_initializer=[helper.make_sparse_tensor(values, at, [2, 12])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


def test_the_good_model_is_good(tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(good().SerializeToString())
    graph = load(tmp_path / "net")
    assert [layer.n_units for layer in graph.layers] == [2, 3, 2]
    assert graph.n_edges == 6 + 3


def kernel(model: Any) -> Any:
    return model.graph.initializer[0]


def short(model: Any) -> None:
    kernel(model).raw_data = kernel(model).raw_data[:-1]


def giant(model: Any) -> None:
    kernel(model).dims[0] = HUGE


def empty_giant(model: Any) -> None:
    model.graph.initializer.append(TensorProto(name="g", data_type=1, dims=[HUGE, HUGE, 0]))


def negative(model: Any) -> None:
    kernel(model).dims[0] = -3


def text(model: Any) -> None:
    kernel(model).data_type = TensorProto.STRING


def segmented(model: Any) -> None:
    kernel(model).segment.begin = 1


def few_numbers(model: Any) -> None:
    kernel(model).ClearField("raw_data")
    kernel(model).float_data.extend([1.0, 2.0])


def sparse_giant(model: Any) -> None:
    model.graph.sparse_initializer[0].dims[:] = [10**9, 10**9]


def sparse_outside(model: Any) -> None:
    indices = model.graph.sparse_initializer[0].indices
    indices.CopyFrom(numpy_helper.from_array(np.array([1, 13, 24]), "w_at"))


def sparse_negative(model: Any) -> None:
    indices = model.graph.sparse_initializer[0].indices
    indices.CopyFrom(numpy_helper.from_array(np.array([-1, 13, 20]), "w_at"))


def sparse_twice(model: Any) -> None:
    indices = model.graph.sparse_initializer[0].indices
    indices.CopyFrom(numpy_helper.from_array(np.array([13, 13, 20]), "w_at"))


def sparse_too_few(model: Any) -> None:
    indices = model.graph.sparse_initializer[0].indices
    indices.CopyFrom(numpy_helper.from_array(np.array([13, 20]), "w_at"))


def cycle(model: Any) -> None:
    model.graph.node[0].input[0] = "z"


def reversed_nodes(model: Any) -> None:
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def nowhere(model: Any) -> None:
    model.graph.node[8].input[1] = "missing"


def no_output(model: Any) -> None:
    model.graph.output[0].name = "missing"


def twice(model: Any) -> None:
    model.graph.node[1].output[0] = "a"


def two_initialisers(model: Any) -> None:
    model.graph.initializer.append(kernel(model))


def no_outputs(model: Any) -> None:
    del model.graph.output[:]


def no_inputs(model: Any) -> None:
    model.graph.initializer.append(numpy_helper.from_array(weight(1, 2, 4, 4), "x"))


def expanded(model: Any) -> None:
    model.graph.initializer[2].CopyFrom(numpy_helper.from_array(np.array([1 << 40, 12]), "rest"))
    model.graph.node[7].op_type = "Expand"


def repeated(model: Any) -> None:
    model.graph.initializer[2].CopyFrom(numpy_helper.from_array(np.array([1 << 20] * 3), "rest"))
    model.graph.node[7].op_type = "Tile"


def ranged(model: Any) -> None:
    model.graph.node[4].CopyFrom(NODE("Range", ["i", "j", "k1"], ["zero"]))
    for name, number in (("i", 0), ("j", HUGE), ("k1", 1)):
        model.graph.initializer.append(numpy_helper.from_array(np.array(number), name))


def filled(model: Any) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.array([1 << 30, 1 << 30]), "i"))
    model.graph.node[4].CopyFrom(NODE("ConstantOfShape", ["i"], ["zero"]))


def padded(model: Any) -> None:
    model.graph.node[0].attribute[0].ints[:] = [1 << 30] * 4


def broken_padding(model: Any) -> None:
    model.graph.node[0].attribute[0].ints[:] = [HUGE] * 4


def no_stride(model: Any) -> None:
    model.graph.node[2].attribute[1].ints[:] = [0, 0]


def no_groups(model: Any) -> None:
    model.graph.node[0].attribute.append(helper.make_attribute("group", 0))


def giant_input(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 1 << 40


def empty_input(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 0


def text_input(model: Any) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.STRING


def sequence_input(model: Any) -> None:
    sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1, 2])
    model.graph.input[0].CopyFrom(sequence)


def future(model: Any) -> None:
    model.opset_import[0].version = 99


def no_versions(model: Any) -> None:
    del model.opset_import[:]


def strange_name(model: Any) -> None:
    model.graph.node[1].op_type = "Re\nlu\x1b[2J"


def own_function(model: Any) -> None:
    model.functions.append(helper.make_function("", "Relu", ["a"], ["r"], [], []))


def mended_later(model: Any) -> None:
    model.graph.node[0].attribute[0].ref_attr_name = "outer"


LIES: dict[Callable[[Any], None], tuple[type[NetsculptError], str]] = {
    short: (FormatError, "has 215 bytes for"),
    giant: (LimitError, "the limit is"),
    empty_giant: (FormatError, "."),
    negative: (FormatError, "has the shape"),
    text: (FormatError, "ONNX type 8"),
    segmented: (FormatError, "segments"),
    few_numbers: (FormatError, "has 2 numbers"),
    sparse_giant: (LimitError, "the limit is"),
    sparse_outside: (FormatError, "indices outside"),
    sparse_negative: (FormatError, "indices outside"),
    sparse_twice: (FormatError, "stored twice"),
    sparse_too_few: (FormatError, "3] values at"),
    cycle: (FormatError, "'/conv/Conv'.*takes 'z', which no node before it makes"),
    reversed_nodes: (FormatError, "which no node before it makes"),
    nowhere: (FormatError, "'missing', which no node before"),
    no_output: (FormatError, "makes its output 'missing'"),
    twice: (FormatError, "value 'a' twice"),
    two_initialisers: (FormatError, "value 'k' twice"),
    no_outputs: (NetsculptError, "."),
    no_inputs: (NetsculptError, "."),
    expanded: (NetsculptError, "."),
    repeated: (LimitError, "the limit is"),
    ranged: (LimitError, "the limit is"),
    filled: (LimitError, "the limit is"),
    padded: (LimitError, "the limit is"),
    broken_padding: (TopologyError, "its attribute 'pads'"),
    no_stride: (TopologyError, "its attribute 'strides'"),
    no_groups: (FormatError, "'conv2d' does not fit"),
    giant_input: (LimitError, "the limit is"),
    empty_input: (FormatError, "sizes of 1 or more"),
    text_input: (FormatError, "tensor of numbers"),
    sequence_input: (NetsculptError, "'x'"),
    future: (FormatError, r"versions \[99\]"),
    no_versions: (FormatError, "opset"),
    strange_name: (TopologyError, r"'Re\\nlu\\x1b\[2J'"),
    own_function: (TopologyError, "function defined in the model"),
    mended_later: (TopologyError, "attribute of a function"),
}


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_lies(lie: Callable[[Any], None], tmp_path: Path) -> None:
    model = good()
    lie(model)
    (tmp_path / "net").write_bytes(model.SerializeToString())
    kind, message = LIES[lie]
    with pytest.raises(kind, match=message) as caught:
        load(tmp_path / "net", max_bytes=1 << 32)
    assert "\n" not in str(caught.value)


def test_limits_count_all_tensors(tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(good().SerializeToString())
    load(tmp_path / "net", max_bytes=8000)
    for limit in (200, 900, 3000):
        with pytest.raises(LimitError, match="limit"):
            load(tmp_path / "net", max_bytes=limit)


def outside(path: Path, location: str, **entries: str) -> Path:
    """The good model, with its kernel in another file."""
    model = good()
    kernel(model).ClearField("raw_data")
    kernel(model).data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        kernel(model).external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with data in it, in a folder below it, and next to it."""
    data = weight(3, 2, 3, 3).tobytes()
    (tmp_path / "model" / "below").mkdir(parents=True)
    for place in ("model", "model/below", "."):
        (tmp_path / place / "k.bin").write_bytes(b"head" + data)
    return tmp_path / "model"


@pytest.mark.parametrize("location", ["k.bin", "below/k.bin", "below/../k.bin"])
def test_data_in_the_folder_is_read(location: str, folder: Path) -> None:
    path = outside(folder / "net", location, offset="4", length="216", checksum="?")
    (folder / "plain").write_bytes(good().SerializeToString())
    graph, plain = load(path), load(folder / "plain")
    assert np.array_equal(graph.weights.toarray(), plain.weights.toarray())
    assert graph.provenance[0].parameters["external_data"] == [location]
    (folder / location).write_bytes(b"head" + weight(3, 2, 3, 3)[::-1].tobytes())
    assert load(path).provenance[0].input_hash != graph.provenance[0].input_hash


@pytest.mark.parametrize(
    "location", ["../k.bin", "below/../../k.bin", "link.bin", "linked/k.bin", "", ".", "C:\\k.bin"]
)
def test_data_elsewhere_is_refused(location: str, folder: Path) -> None:
    (folder / "link.bin").symlink_to(folder.parent / "k.bin")
    (folder / "linked").symlink_to(folder.parent)
    with pytest.raises(NetsculptError) as caught:
        load(outside(folder / "net", location, offset="4"))
    assert isinstance(caught.value, UnsafeFileError) or location == "."


def test_data_at_a_root_is_refused(folder: Path) -> None:
    for location in (str(folder / "k.bin"), "/etc/passwd", "/dev/zero"):
        with pytest.raises(UnsafeFileError, match="may not lie outside"):
            load(outside(folder / "net", location, offset="4"))


def test_a_model_that_is_a_link_has_its_data_where_it_lies(folder: Path) -> None:
    outside(folder / "net", "k.bin", offset="4")
    (folder.parent / "linked").symlink_to(folder / "net")
    (folder.parent / "k.bin").unlink()
    (folder.parent / "k.bin").symlink_to(folder / "k.bin")
    assert load(folder.parent / "linked").n_edges == 9


@pytest.mark.parametrize(
    "entries",
    [
        {"offset": "8"},
        {"offset": str(1 << 60)},
        {"offset": "-4"},
        {"offset": "4", "length": "212"},
        {"offset": "4", "length": "220"},
        {"offset": "four"},
        {"offset": "9" * 5000},
        {"offset": "²"},
    ],
    ids=str,
)
def test_data_that_is_not_there(entries: dict[str, str], folder: Path) -> None:
    with pytest.raises(FormatError, match="'k'"):
        load(outside(folder / "net", "k.bin", **entries))


def chain(nodes: list[Any], n_features: int, **held: Any) -> bytes:
    """A model of nodes that lead from x to y."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [n_features, 1, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(x, name) for name, x in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", 4), ("GRU", 3), ("RNN", 1)])
def test_steps_of_a_recurrent_layer_cost_nothing(tmp_path: Path, kind: str, gates: int) -> None:
    graphs = []
    for n_steps in (3, 1 << 20):
        node = NODE(kind, ["x", "w", "r"], ["y"], hidden_size=2)
        if kind == "GRU":
            node.attribute.append(helper.make_attribute("linear_before_reset", 1))
        held = {"w": weight(1, 2 * gates, 1), "r": weight(1, 2 * gates, 2)}
        (tmp_path / "net").write_bytes(chain([node], n_steps, **held))
        graphs.append(load(tmp_path / "net"))
    few, many = graphs
    assert few.layers == many.layers
    np.testing.assert_array_equal(few.weights.toarray(), many.weights.toarray())


def test_long_chains_are_followed_up_to_a_limit(tmp_path: Path) -> None:
    """The time for a node does not grow with the number of nodes before it."""
    names = ["x", *(f"a{i}" for i in range(999)), "y"]
    nodes = [NODE("Add", [one, one], [two]) for one, two in pairwise(names)]
    (tmp_path / "net").write_bytes(chain(nodes, 2))
    graph = load(tmp_path / "net")
    assert len(graph.layers) == 1001
    assert len({layer.name for layer in graph.layers}) == 1001
    assert graph.weights.data.tolist() == [2.0] * 1000 * (graph.n_units // 1001)
    names = ["x", *(f"a{i}" for i in range(30_000)), "y"]
    nodes = [NODE("Relu", [one], [two]) for one, two in pairwise(names)]
    (tmp_path / "net").write_bytes(chain(nodes, 2))
    with pytest.raises(LimitError, match="30001 nodes"):
        load(tmp_path / "net")


def test_data_that_is_no_file(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for location, message in (("pipe", "pipe"), ("below", "folder"), ("none", "no file")):
        with pytest.raises(FormatError, match=message):
            load(outside(folder / "net", location))


def test_an_onnx_file_is_no_mask(tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(good().SerializeToString())
    with pytest.raises(NetsculptError):
        load(tmp_path / "net", mask=tmp_path / "net")


def mutated(content: bytes, data: st.DataObject) -> bytes:
    """The content with a few bytes changed, removed or inserted."""
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        few = data.draw(st.binary(min_size=1, max_size=4))
        kind = data.draw(st.sampled_from(["set", "set", "set", "insert", "cut"]))
        changed[at : at + (0 if kind == "insert" else len(few))] = b"" if kind == "cut" else few
    return bytes(changed)


@settings(
    max_examples=300, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(data=st.data())
def test_mutated_models_fail_by_our_errors_only(data: st.DataObject, tmp_path: Path) -> None:
    content = good().SerializeToString()
    body = content.index(b"\x3a", 2)  # where the graph begins: its length is put right again
    graph = onnx.ModelProto.FromString(content).graph.SerializeToString()
    if data.draw(st.booleans()):
        changed = mutated(graph, data)
        size, digits = len(changed), bytearray()
        while size >= 0x80:
            digits.append(size & 0x7F | 0x80)
            size >>= 7
        wrapped = b"\x3a" + bytes([*digits, size]) + changed
        tail = content[body + 1 :][content[body + 1 :].index(graph) + len(graph) :]
        content = content[:body] + wrapped + tail
    else:
        content = mutated(content, data)
    (tmp_path / "net").write_bytes(content)
    with suppress(NetsculptError):
        load(tmp_path / "net", max_bytes=1 << 26)
