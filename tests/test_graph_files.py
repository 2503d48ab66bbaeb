"""Graph files: exact round trips, and untrusted files."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csr_array

from netsculpt.core.errors import FormatError, GraphError, LimitError, NetsculptError
from netsculpt.core.provenance import Step, step
from netsculpt.core.writing import replacing
from netsculpt.graph.description import description, read_description
from netsculpt.graph.graph import Block, Layer, NetGraph
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.npz import save
from netsculpt.loading.formats.graph import load_graph

NAMES = ("in\ud800<", "", "../../etc/passwd", "\x00\n")


def sample(dtype: Any = np.float32, counts: Any = None) -> NetGraph:
    """Skips, an empty layer, zero weights, odd names and positions."""
    widths = [3, 2, 0, 2]
    starts = [0, 3, 5, 5, 7]
    roles = ("input", "hidden", "state", "output")
    layers = tuple(
        Layer(name, role, (width, 1, 1), start, start + width)  # type: ignore[arg-type]
        for name, role, width, start in zip(NAMES, roles, widths, starts, strict=False)
    )
    blocks = (
        Block(NAMES[0], NAMES[1], "W1", "conv", 54),
        Block(NAMES[0], NAMES[3], None, "wiring", 0),
        Block(NAMES[1], NAMES[2], "W2", "linear", 0),
        Block(NAMES[1], NAMES[3], "W3", "linear", 4),
    )
    rows, columns = np.array([[0, 3], [0, 4], [1, 3], [2, 6], [3, 5], [4, 5], [4, 6]]).T
    values = np.array([0.0, -1.1, 3e-40, 2.0, -0.0, 1e30, 0.3])
    weights = csr_array(coo_array((values.astype(dtype), (rows, columns)), shape=(7, 7)))
    numbers = None if counts is None else np.arange(1, 8).astype(counts)
    made = (Step("load", {"a": [1, {"b": None}]}, "0.1", "sha256:é"), step("live", dropped_units=3))
    return NetGraph(weights, numbers, layers, blocks, made, np.array([5, 9, 2, 0, 1, 8, 3]))


def assert_same(one: NetGraph, other: NetGraph) -> None:
    for name in ("data", "indices", "indptr"):
        x, y = getattr(one.weights, name), getattr(other.weights, name)
        assert (x.dtype, x.tobytes()) == (y.dtype, y.tobytes())
    for x, y in ((one.multiplicity, other.multiplicity), (one.positions, other.positions)):
        assert (x is None) == (y is None)
        if x is not None and y is not None:
            assert (x.dtype, x.tobytes()) == (y.dtype, y.tobytes())
    assert (one.layers, one.blocks, one.provenance) == (
        other.layers,
        other.blocks,
        other.provenance,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("counts", [None, np.int8, np.uint16, np.int32, np.int64])
def test_round_trip(tmp_path: Path, dtype: Any, counts: Any) -> None:
    graph = sample(dtype, counts)
    save(graph, tmp_path / "graph.npz")
    assert_same(load_graph(tmp_path / "graph.npz"), graph)


@pytest.mark.parametrize(
    "graph",
    [
        NetGraph(csr_array((0, 0)), None, (), ()),
        from_matrices([np.zeros((2, 3))]),
        from_matrices([np.zeros((0, 3))]),
        from_matrices([np.ones((700, 600), dtype=np.float32)]),  # more than one chunk
    ],
    ids=["nothing", "no edges", "no outputs", "long"],
)
def test_round_trip_of_extremes(tmp_path: Path, graph: NetGraph) -> None:
    save(graph, tmp_path / "graph.npz")
    assert_same(load_graph(str(tmp_path / "graph.npz")), graph)


def test_equal_graphs_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(sample(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_others_can_read_it(tmp_path: Path) -> None:
    graph = sample(counts=np.int64)
    save(graph, tmp_path / "graph.npz")
    weights = scipy.sparse.load_npz(tmp_path / "graph.npz")
    assert isinstance(weights, csr_array)
    assert weights.nnz == 7
    np.testing.assert_array_equal(weights.toarray(), graph.weights.toarray())
    with np.load(tmp_path / "graph.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["multiplicity"], graph.multiplicity)
        content = json.loads(file["netsculpt.json"])
    assert [layer["name"] for layer in content["layers"]] == list(NAMES)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "graph.npz"
    save(sample(), path)
    before = path.read_bytes()
    with pytest.raises(GraphError, match="no JSON form"):
        save(sample().with_step(step("odd", value=float("nan"))), path)
    with pytest.raises(AttributeError), replacing(path) as file:  # noqa: PT012
        file.write(b"half")
        file.nothing()  # type: ignore[attr-defined]
    assert path.read_bytes() == before
    assert [x.name for x in tmp_path.iterdir()] == ["graph.npz"]


def test_description_takes_numpy_values() -> None:
    graph = sample().with_step(step("f", a=np.float64(0.5), b=np.arange(2), c=(1, 2)))
    layers, blocks, provenance = read_description(description(graph))
    assert (layers, blocks) == (graph.layers, graph.blocks)
    assert dict(provenance[-1].parameters) == {"a": 0.5, "b": [0, 1], "c": [1, 2]}
    with pytest.raises(GraphError, match="object found"):
        description(graph.with_step(step("f", a=object())))


# ---- untrusted files ----------------------------------------------------------------------------


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def array_bytes(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


def rewritten(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object], compression: int = 0
) -> Path:
    save(sample(counts=np.int32), tmp_path / "good.npz")
    members = members_of(tmp_path / "good.npz")
    change(members)
    path = tmp_path / "bad.npz"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def put(name: str, array: Any) -> Callable[[dict[str, bytes]], object]:
    return lambda members: members.__setitem__(f"{name}.npy", array_bytes(array))


def edit(*keys: str | int, value: Any) -> Callable[[dict[str, bytes]], object]:
    def change(members: dict[str, bytes]) -> None:
        content = inner = json.loads(members["netsculpt.json"])
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value
        members["netsculpt.json"] = json.dumps(content).encode()

    return change


I4 = np.int32
GOOD_INDPTR = [0, 2, 3, 4, 5, 7, 7, 7]


def test_rewriting_alone_changes_nothing(tmp_path: Path) -> None:
    path = rewritten(tmp_path, put("indptr", np.array(GOOD_INDPTR, I4)))
    assert_same(load_graph(path), sample(counts=np.int32))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda m: m.pop("indices.npy"), "member 'indices.npy' is missing"),
        (lambda m: m.pop("netsculpt.json"), "it has no member 'netsculpt.json'"),
        (lambda m: m.update({"evil.py": b"x"}), "which graphs do not have"),
        (lambda m: m.update({"../data.npy": b"x"}), "which graphs do not have"),
        (lambda m: m.update({"data.npy": b""}), "cannot be read .EOF"),
        (lambda m: m.update({"data.npy": m["data.npy"][:-1]}), r"'data' of shape \[7\] in"),
        (lambda m: m.update({"data.npy": m["data.npy"] + b"\0"}), r"'data' of shape \[7\] in"),
        (put("data", np.array([None, 1], dtype=object)), "'data' is not an array"),
        (put("data", np.ones(7, ">f4")), "'data' is not an array of <f4 or <f8"),
        (put("data", np.ones(7, np.float16)), "'data' is not an array"),
        (put("data", np.ones((7, 1), np.float32)), "'data' is not an array"),
        (put("data", np.float32(1)), "are not a CSR matrix"),
        (put("data", np.ones(6, np.float32)), "are not a CSR matrix"),
        (put("indices", np.arange(7)), "'indices' is not an array of <i4"),
        (put("indices", np.array([3, 4, 3, 6, 5, 5, 7], I4)), "target units 3 … 7 of 7"),
        (put("indices", np.array([3, 4, 3, 6, 5, 5, 2**31 - 1], I4)), "target units"),
        (put("indices", np.array([-1, 4, 3, 6, 5, 5, 6], I4)), "target units -1"),
        (put("indptr", np.array(GOOD_INDPTR[:-1], I4)), "are not a CSR matrix"),
        (put("indptr", np.array([0, 2, 3, 4, 5, 7, 7, 8], I4)), "climb"),
        (put("indptr", np.array([1, 2, 3, 4, 5, 7, 7, 7], I4)), "climb"),
        (put("indptr", np.array([0, 2, 2**31 - 1, 4, 5, 7, 7, 7], I4)), "climb"),
        (put("indptr", np.array([0, 2, 3, 2, 5, 7, 7, 7], I4)), "climb"),
        (put("indptr", np.array([0, 2**31 - 1, -(2**31), -1, 5, 7, 7, 7], I4)), "climb"),
        (put("shape", np.array([7, 8])), "not the CSR matrix of 7 units"),
        (put("shape", np.array([10**15, 10**15])), "not the CSR matrix of 7 units"),
        (put("format", np.array(b"csc")), "not the CSR matrix"),
        (lambda m: m.update({"netsculpt.json": b"{"}), "cannot be read"),
        (lambda m: m.update({"netsculpt.json": b"\xff"}), "cannot be read"),
        (lambda m: m.update({"netsculpt.json": b"[" * 100_000}), "cannot be read"),
        (lambda m: m.update({"netsculpt.json": b"1" * 10_000}), "cannot be read"),
        (lambda m: m.update({"netsculpt.json": b"[]"}), "lacks 'format'"),
        (edit("format", value="netsculpt.graph/2"), "this version reads 'netsculpt.graph/1'"),
        (edit("layers", value={}), r"lacks 'layers' \(list\)"),
        (edit("layers", 0, value=[]), "lacks 'n_units'"),
        (edit("layers", 0, "n_units", value=10**30), "not the CSR matrix"),
        (edit("layers", 0, "n_units", value=-1), "n_units -1 found"),
        (edit("layers", 0, "n_units", value=True), r"lacks 'n_units' \(int\)"),
        (edit("layers", 0, "n_units", value=3.0), "lacks 'n_units'"),
        (edit("layers", 0, "role", value="boss"), "role 'boss' found"),
        (edit("layers", 0, "shape", value=[1.5]), r"shape \[1.5\] found"),
        (edit("layers", 0, "shape", value=[True]), r"shape \[True\] found"),
        (edit("layers", 0, "name", value=None), "lacks 'name'"),
        (edit("blocks", 0, "size", value=-1), "size -1 found"),
        (edit("blocks", 0, "parameter", value=1), r"lacks 'parameter' \(str or NoneType\)"),
        (edit("provenance", 0, "parameters", value=[]), "lacks 'parameters'"),
    ],
)
def test_files_that_save_did_not_write(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object], text: str
) -> None:
    with pytest.raises(FormatError, match=text):
        load_graph(rewritten(tmp_path, change))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (put("indices", np.array([4, 3, 3, 6, 5, 5, 6], I4)), "unsorted or repeated"),
        (put("indices", np.array([0, 4, 3, 6, 5, 5, 6], I4)), "not strictly upper triangular"),
        (put("data", np.full(7, np.nan, np.float32)), "NaN or infinite"),
        (put("multiplicity", np.zeros(7, I4)), "whole number"),
        (put("multiplicity", np.ones(6, I4)), r"multiplicity has shape \[6\]"),
        (put("positions", np.zeros(3, I4)), r"positions has shape \[3\]"),
        (edit("layers", 0, "name", value=""), "each must be different"),
        (edit("blocks", 0, "target", value="nowhere"), "does not lead to a later layer"),
        (edit("blocks", value=[]), "to layers that no block names"),
    ],
)
def test_files_that_hold_no_graph(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object], text: str
) -> None:
    with pytest.raises(GraphError, match=text):
        load_graph(rewritten(tmp_path, change))


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_bombs_are_not_unpacked(tmp_path: Path, compression: int) -> None:
    bomb = put("data", np.zeros(10**6, np.float32))
    with pytest.raises(FormatError, match="is compressed or encrypted"):
        load_graph(rewritten(tmp_path, bomb, compression))


def test_sizes_that_lie(tmp_path: Path) -> None:
    """A central directory that claims more than the file contains allocates nothing."""
    save(sample(), tmp_path / "good.npz")
    content = bytearray((tmp_path / "good.npz").read_bytes())
    at = content.index(b"PK\x01\x02", 0)
    content[at + 20 : at + 28] = struct.pack("<II", 2**31, 2**31)  # netsculpt.json, both sizes
    (tmp_path / "bad.npz").write_bytes(content)
    with pytest.raises(FormatError, match="members that overlap"):
        load_graph(tmp_path / "bad.npz")


def test_limit(tmp_path: Path) -> None:
    save(sample(), tmp_path / "graph.npz")
    total = sum(map(len, members_of(tmp_path / "graph.npz").values()))
    assert load_graph(tmp_path / "graph.npz", max_bytes=total).n_edges == 7
    with pytest.raises(LimitError, match=f"holds {total} bytes, the limit is {total - 1}"):
        load_graph(tmp_path / "graph.npz", max_bytes=total - 1)


def test_repeated_members(tmp_path: Path) -> None:
    save(sample(), tmp_path / "graph.npz")
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(tmp_path / "graph.npz", "a") as archive,
    ):
        archive.writestr("data.npy", array_bytes(np.ones(7, np.float32)))
    with pytest.raises(FormatError, match="two zip members of one name"):
        load_graph(tmp_path / "graph.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + b"\0" * 18, b"\x80\x04.", b"a" * 100])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(
        FormatError,
        match=r"file' (is empty|cannot be read \(it has no member .*netsculpt)",
    ):
        load_graph(tmp_path / "file")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no file at"):
        load_graph(tmp_path / "file")


class Canary:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    pickled = np.array([Canary(canary)] * 7, dtype=object)
    with pytest.raises(FormatError):
        load_graph(rewritten(tmp_path, put("data", pickled)))
    assert not canary.exists()


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damaged_files(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Cut, flip and splice: the result is a graph or a NetsculptError."""
    folder = tmp_path_factory.getbasetemp()
    save(sample(counts=np.int32), folder / "good.npz")
    content = bytearray((folder / "good.npz").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "splice", "move"]))
        if how == "flip":
            content[at] ^= data.draw(st.integers(1, 255))
        elif how == "cut":
            del content[at : at + data.draw(st.integers(1, 50))]
        elif how == "splice":
            content[at:at] = data.draw(st.binary(min_size=1, max_size=20))
        else:
            other = data.draw(st.integers(0, len(content) - 1))
            content[at : at + 40] = content[other : other + 40]
        if not content:
            content = bytearray(b"\0")
    (folder / "bad.npz").write_bytes(content)
    with contextlib.suppress(NetsculptError):
        load_graph(folder / "bad.npz")


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(["data", "indices", "indptr"]), st.binary(max_size=60)))
@example({"data": b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4'}"})
def test_members_of_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, bytes]
) -> None:
    def change(members: dict[str, bytes]) -> None:
        members.update({f"{name}.npy": content for name, content in changes.items()})

    path = rewritten(tmp_path_factory.getbasetemp(), change)
    if changes:
        with pytest.raises(FormatError):
            load_graph(path)
