"""Hostile files: none runs code, reads or writes elsewhere; each raises the right error."""

from __future__ import annotations

import argparse
import copy
import io
import json
import os
import pickle
import re
import subprocess
import sys
import tarfile
import textwrap
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from netsculpt import from_matrices
from netsculpt.core.errors import (
    FormatError,
    LimitError,
    NetsculptError,
    TopologyError,
    UnsafeFileError,
)
from netsculpt.graph.npz import save
from netsculpt.loading import load

pytestmark = pytest.mark.filterwarnings("ignore:Sparse", "ignore:.*torch.jit")


class Canary:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)


def legacy_bytes(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=False)
    return stream.getvalue()


def zip_bytes(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def with_pickle(pickled: bytes, storages: dict[str, bytes] | None = None) -> bytes:
    """A torch zip file around a pickle written by hand."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return stream.getvalue()


def text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def integer(value: int) -> bytes:
    return pickle.dumps(value, protocol=2)[2:-1]


def tensor_pickle(size: list[int], stride: list[int], n_items: int, offset: int = 0) -> bytes:
    """{"fc.weight": a tensor of these claims over storage "0" of floats}."""
    sizes = b"(" + b"".join(map(integer, size)) + b"t"
    strides = b"(" + b"".join(map(integer, stride)) + b"t"
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu")
    storage += integer(n_items) + b"tQ"
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + integer(offset) + sizes + strides
    rebuilt += b"\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02}" + text("fc.weight") + rebuilt + b"s."


def call(name: str, *arguments: bytes) -> bytes:
    """{"a": module.name(arguments)}."""
    module, _, function = name.rpartition(".")
    called = f"c{module}\n{function}\n".encode() + b"(" + b"".join(arguments) + b"tR"
    return b"\x80\x02}" + text("a") + called + b"s."


def nested_key(depth: int) -> bytes:
    """A dict whose key is a deeply nested t = (t, t): its hash takes 2^depth steps."""
    return b"\x80\x02})" + b"q\x00h\x00\x86" * depth + b"K\x01s."


def object_array(canary: Canary) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([canary], dtype=object), allow_pickle=True)
    return stream.getvalue()


def npz_of(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("fc.weight.npy", content)
    return stream.getvalue()


def npy_header(shape: tuple[int, ...]) -> bytes:
    stream = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + bytes(64)


def safetensors_of(header: str) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode()


def tar_of(content: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("storages", "tensors", "pickle"):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def tensor_around(inner: bytes) -> bytes:
    """A plain pickle of a tensor whose storage is `inner`, as in torch's own pickles."""
    held = b"B" + len(inner).to_bytes(4, "little") + inner
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(ctorch.storage\n_load_from_bytes\n" + held
    rebuilt += b"\x85RK\x00K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02]" + rebuilt + b"a."


def jit_bytes(_: Canary) -> bytes:
    stream = io.BytesIO()
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), stream)
    return stream.getvalue()


def sneaked(canary: Canary, protocol: int) -> bytes:
    return pickle.dumps({"fc.weight": canary}, protocol=protocol)


RUNS_CODE: dict[str, Callable[[Canary], bytes]] = {
    "torch zip": lambda canary: zip_bytes({"fc.weight": torch.eye(2), "x": canary}),
    "torch legacy": lambda canary: legacy_bytes({"fc.weight": torch.eye(2), "x": canary}),
    "pickle 2": lambda canary: sneaked(canary, 2),
    "pickle 4": lambda canary: sneaked(canary, 4),
    "pickle 5": lambda canary: sneaked(canary, 5),
    "storage in a pickle": lambda canary: tensor_around(legacy_bytes(canary)),
    "pickle in a storage in a pickle": lambda canary: tensor_around(pickle.dumps(canary)),
    "object array": object_array,
    "object array in npz": lambda canary: npz_of(object_array(canary)),
    "in a dead branch": lambda canary: pickle.dumps(canary, protocol=2)[:-1] + b"0]" + b".",
    "as a key": lambda canary: b"\x80\x02}" + pickle.dumps(canary, protocol=2)[2:-1] + b"K\x01s.",
    "old instance": lambda canary: f"(ios\nmkdir\n(S'{canary.path}'\n".encode().join(
        [b"\x80\x02", b"."]
    ),
    "before the tensors of a legacy file": lambda canary: (
        legacy_bytes(1)[:15] + pickle.dumps(canary, protocol=2) + legacy_bytes(1)[15:]
    ),
    "tar of early torch": lambda canary: tar_of(pickle.dumps(canary)),
    "TorchScript": jit_bytes,
    "whole model": lambda _: zip_bytes(Net()),
    "complex number": lambda _: zip_bytes({"x": 3j, "state_dict": {"w": torch.eye(2)}}),
    "bytearray": lambda _: with_pickle(call("builtins.bytearray", integer(10**12))),
    "getattr": lambda _: with_pickle(call("builtins.getattr", text("x"), text("y"))),
    "storage of any size": lambda _: with_pickle(
        call("torch._utils._rebuild_device_tensor_from_cpu_tensor", text("x"))
    ),
}


@pytest.fixture
def canary(tmp_path: Path) -> Canary:
    return Canary(tmp_path / "canary")


def test_the_canary_sings(canary: Canary) -> None:
    pickle.loads(sneaked(canary, 4))
    assert canary.path.exists()


@pytest.mark.parametrize("role", ["model", "mask"])
@pytest.mark.parametrize("kind", RUNS_CODE)
def test_no_code_runs(kind: str, role: str, canary: Canary, tmp_path: Path) -> None:
    hostile, good = tmp_path / "hostile.pt", tmp_path / "good.pt"
    hostile.write_bytes(RUNS_CODE[kind](canary))
    torch.save({"fc.weight": torch.eye(2)}, good)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UnsafeFileError) as caught:
        load(hostile) if role == "model" else load(good, mask=hostile)
    assert sorted(tmp_path.rglob("*")) == before
    assert not canary.path.exists()
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_blocked_names_are_all_listed_with_the_way_out(tmp_path: Path) -> None:
    content = {"x": [slice(1), 3j], "state_dict": {"w": torch.eye(2)}}
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(UnsafeFileError, match=r"builtins\.complex") as caught:
        load(tmp_path / "w.pt")
    assert "builtins.slice" in str(caught.value)
    assert "torch.save(model.state_dict()" in str(caught.value)
    torch.save(Net(), tmp_path / "net.pt")
    with pytest.raises(UnsafeFileError, match=r"a whole pickled model.*torch\.nn\.modules\.linear"):
        load(tmp_path / "net.pt")
    with pytest.raises(UnsafeFileError, match=r"--model pkg\.module:factory --example-shape"):
        load(tmp_path / "net.pt")


def deflated(content: bytes, key: str = "archive/data/0") -> bytes:
    """A torch file whose storage is compressed, as torch never writes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            kind = zipfile.ZIP_DEFLATED if name == key else zipfile.ZIP_STORED
            new.writestr(name, old.read(name), kind)
    return stream.getvalue()


def lying_legacy(n_items: int) -> bytes:
    """A legacy file whose storage claims more items than there are."""
    good = legacy_bytes({"fc.weight": torch.ones(2, 2)})
    return good.replace(b"K\x04N", integer(n_items) + b"N", 1)


def coo(size: tuple[int, int], indices: list[list[int]]) -> torch.Tensor:
    values = torch.ones(len(indices[0]))
    return torch.sparse_coo_tensor(torch.tensor(indices), values, size, check_invariants=False)


def csr(pointer: list[int], columns: list[int], size: tuple[int, int]) -> torch.Tensor:
    values = torch.ones(len(columns))
    return torch.sparse_csr_tensor(
        torch.tensor(pointer), torch.tensor(columns), values, size, check_invariants=False
    )


def weight(tensor: torch.Tensor) -> bytes:
    return zip_bytes({"fc.weight": tensor})


def duplicated() -> bytes:
    stream = io.BytesIO(weight(torch.eye(2)))
    with zipfile.ZipFile(stream, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("archive/data.pkl", nested_key(60))
    return stream.getvalue()


def overlapping() -> bytes:
    """A zip file whose table of contents names the same bytes many times."""
    stream = io.BytesIO(weight(torch.zeros(100, 100)))
    with zipfile.ZipFile(stream, "a") as archive:
        first = archive.getinfo("archive/data/0")
        for key in range(1, 9):
            again = copy.copy(first)
            again.filename = f"archive/data/{key}"
            archive.filelist.append(again)
        archive.writestr("archive/last", "so that the table is written anew")
    return stream.getvalue()


GOOD = weight(torch.ones(2, 2))
BOMBS: dict[str, tuple[Callable[[], bytes], type[NetsculptError]]] = {
    "deflated zeros": (lambda: deflated(weight(torch.zeros(5000, 5000))), LimitError),
    "stride 0": (lambda: weight(torch.ones(1, 1).expand(10**6, 10**6)), LimitError),
    "stride 0, by hand": (
        lambda: with_pickle(tensor_pickle([10**6, 10**6], [0, 0], 1), {"0": bytes(4)}),
        LimitError,
    ),
    "sizes that overflow": (
        lambda: with_pickle(tensor_pickle([2**33, 2**33], [0, 0], 1), {"0": bytes(4)}),
        LimitError,
    ),
    "more than the storage": (
        lambda: with_pickle(tensor_pickle([64, 64], [64, 1], 1), {"0": bytes(4)}),
        FormatError,
    ),
    "behind the storage": (
        lambda: with_pickle(tensor_pickle([1, 1], [1, 1], 1, offset=100), {"0": bytes(4)}),
        FormatError,
    ),
    "negative offset": (
        lambda: with_pickle(tensor_pickle([1, 1], [1, 1], 1, offset=-1), {"0": bytes(4)}),
        FormatError,
    ),
    "negative stride": (
        lambda: with_pickle(tensor_pickle([2, 2], [2, -1], 4, offset=1), {"0": bytes(16)}),
        FormatError,
    ),
    "storage larger than its member": (
        lambda: with_pickle(tensor_pickle([64, 64], [64, 1], 64 * 64), {"0": bytes(4)}),
        FormatError,
    ),
    "storage that is not there": (
        lambda: with_pickle(tensor_pickle([1, 1], [1, 1], 1)),
        FormatError,
    ),
    "legacy storage that is not there": (lambda: lying_legacy(10**10), FormatError),
    "COO of 10⁹ × 10⁹": (lambda: weight(coo((10**9, 10**9), [[5], [5]])), LimitError),
    "COO index beyond": (lambda: weight(coo((2, 2), [[0, 7], [0, 1]])), FormatError),
    "COO index below": (lambda: weight(coo((2, 2), [[0, -1], [0, 1]])), FormatError),
    "COO index beyond, legacy": (
        lambda: legacy_bytes({"fc.weight": coo((2, 2), [[0, 9**9], [0, 1]])}),
        FormatError,
    ),
    "CSR column beyond": (lambda: weight(csr([0, 1, 2], [0, 5], (2, 2))), FormatError),
    "CSR pointer that turns back": (lambda: weight(csr([0, 9, 2], [0, 1], (2, 2))), FormatError),
    "CSR pointer too short": (lambda: weight(csr([0, 2], [0, 1], (10**9, 2))), LimitError),
    "COO with a stride-0 index": (
        lambda: weight(
            torch.sparse_coo_tensor(
                torch.zeros(2, 1, dtype=torch.int64).expand(2, 10**10),
                torch.ones(1).expand(10**10),
                (2, 2),
                check_invariants=False,
                is_coalesced=True,
            )
        ),
        LimitError,
    ),
    "hash of a nested key": (lambda: with_pickle(nested_key(80)), FormatError),
    "hash of a nested key, plain": (lambda: nested_key(80), FormatError),
    "memo of 32 GB": (lambda: b"\x80\x02]r\xff\xff\xff\xff.", FormatError),
    "string of 1 TB": (
        lambda: b"\x80\x04\x8e" + (10**12).to_bytes(8, "little") + b"x.",
        FormatError,
    ),
    "array of 1 TB": (lambda: npy_header((10**6, 250_000)), LimitError),
    "array of 1 GB in 64 bytes": (lambda: npy_header((16_000, 16_000)), FormatError),
    "array in npz of 1 GB in 64 bytes": (lambda: npz_of(npy_header((16_000, 16_000))), FormatError),
    "array of negative size": (lambda: npy_header((-2, 3)), FormatError),
    "two members of one name": (duplicated, FormatError),
    "members on top of each other": (overlapping, FormatError),
    "a zip file behind another": (lambda: GOOD[:64] + GOOD, FormatError),
    "safetensors header of 1 TB": (lambda: (10**12).to_bytes(8, "little") + b"{}", FormatError),
    "safetensors beyond its end": (
        lambda: safetensors_of(
            '{"w":{"dtype":"F32","shape":[1000,1000],"data_offsets":[0,4000000]}}'
        ),
        FormatError,
    ),
    "JSON nested deeply": (lambda: b'{"weight_map":' + b"[" * 10**6, FormatError),
    "meta tensor": (lambda: weight(torch.empty(10**6, 10**6, device="meta")), UnsafeFileError),
    "complex numbers": (lambda: weight(torch.ones(2, 2, dtype=torch.complex64)), FormatError),
    "quantised numbers": (
        lambda: weight(torch.quantize_per_tensor(torch.ones(2, 2), 1.0, 0, torch.qint8)),
        UnsafeFileError,
    ),
    "unknown protocol": (lambda: b"\x80\x63" + GOOD, FormatError),
    "itself inside": (lambda: b"\x80\x02}q\x00" + text("model") + b"h\x00s.", FormatError),
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.filterwarnings("ignore:.*quantized")
def test_bombs(kind: str, tmp_path: Path) -> None:
    make, error = BOMBS[kind]
    path = tmp_path / "bomb.pt"
    path.write_bytes(make())
    assert path.stat().st_size < 3_000_000
    with pytest.raises(error) as caught:
        load(path)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == {FormatError: 3, UnsafeFileError: 4, LimitError: 6}[error]


CLAIMS = (
    *("stride 0", "stride 0, by hand", "sizes that overflow", "more than the storage"),
    *("behind the storage", "negative offset", "negative stride"),
    *("storage larger than its member", "storage that is not there"),
    *("legacy storage that is not there", "COO with a stride-0 index", "hash of a nested key"),
    *("meta tensor", "two members of one name", "members on top of each other", "deflated zeros"),
    "a zip file behind another",
)


@pytest.mark.parametrize("kind", CLAIMS)
def test_claims_are_refused_before_torch_reads(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, error = BOMBS[kind]
    (tmp_path / "bomb.pt").write_bytes(make())
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch read the file"))
    with pytest.raises(error):
        load(tmp_path / "bomb.pt")


def test_limit_counts_all_tensors_that_are_used(tmp_path: Path) -> None:
    torch.save({f"{2 * i}.weight": torch.ones(16, 16) for i in range(8)}, tmp_path / "w.pt")
    load(tmp_path / "w.pt", max_bytes=8 * 16 * 16 * 4)
    with pytest.raises(LimitError, match="raise max_bytes"):
        load(tmp_path / "w.pt", max_bytes=8 * 16 * 16 * 4 - 1)


def test_unused_tensors_do_not_count(tmp_path: Path) -> None:
    content = {"state_dict": {"w": torch.ones(4, 4)}, "optimizer": {"m": torch.ones(4096, 8)}}
    torch.save(content, tmp_path / "w.pt")
    assert load(tmp_path / "w.pt", max_bytes=131_072).n_edges == 16


def test_tied_and_expanded_tensors_are_legal(tmp_path: Path) -> None:
    shared = torch.arange(1.0, 17).reshape(4, 4)
    last = torch.ones(1).expand(2, 4)
    torch.save(
        {"fc1.weight": shared, "fc2.weight": shared.T, "fc3.weight": last}, tmp_path / "w.pt"
    )
    graph = load(tmp_path / "w.pt")
    assert graph.block("fc2", "fc3").toarray().tolist() == [[1, 1]] * 4
    np.testing.assert_array_equal(graph.block("input", "fc1").toarray(), shared.T.numpy())
    np.testing.assert_array_equal(graph.block("fc1", "fc2").toarray(), shared.numpy())


def test_compressed_torch_files_are_read_right(tmp_path: Path) -> None:
    tensor = torch.arange(1.0, 10).reshape(3, 3)
    (tmp_path / "w.pt").write_bytes(deflated(weight(tensor)))
    np.testing.assert_array_equal(
        load(tmp_path / "w.pt").block("input", "fc").toarray(), tensor.T.numpy()
    )


@pytest.mark.parametrize("name", ["../outside.safetensors", "{folder}/outside.safetensors", ".."])
def test_shards_may_not_leave_the_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"fc.weight": torch.eye(2)}, tmp_path / "outside.safetensors")
    index = folder / "index.json"
    index.write_text(json.dumps({"weight_map": {"fc.weight": name.format(folder=tmp_path)}}))
    with pytest.raises(UnsafeFileError, match="may not leave the folder"):
        load(index)


def ascii_id(name: str) -> str:
    return ascii(name)[:12]


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "x" * 9999, "", "missing"], ids=ascii_id)
def test_shards_of_strange_names(name: str, tmp_path: Path) -> None:
    index = tmp_path / "index.json"
    index.write_text(json.dumps({"weight_map": {"fc.weight": name}}))
    with pytest.raises(NetsculptError) as caught:
        load(index)
    assert str(caught.value).isprintable()


def test_shards_may_not_leave_by_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save_file({"fc.weight": torch.eye(2)}, tmp_path / "outside.safetensors")
    (folder / "inside.safetensors").symlink_to(tmp_path / "outside.safetensors")
    (folder / "index.json").write_text('{"weight_map": {"fc.weight": "inside.safetensors"}}')
    with pytest.raises(UnsafeFileError, match="may not leave the folder"):
        load(folder / "index.json")


NO_MODELS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", r"is empty \(0 bytes\)"),
    "text": (b"import torch\nprint('hello')\n", "a text file"),
    "accents": ("é".encode() * 400, "a text file"),
    "JSON": (b'{"a": 1}', "is JSON"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG image"),
    "text pickle": (b"cos\nsystem\n(S'true'\ntR.", "a text file"),
    "gzip": (b"\x1f\x8b" + bytes(99), "unpack it first"),
    "ONNX": (b"\x08\x08\x12\x07pytorch\x1a\x052.1.0:" + bytes(9), "ONNX"),
    "zeros": (bytes(999), "no known format"),
    "cut zip": (GOOD[: len(GOOD) // 2], "cut off or damaged"),
    "cut legacy": (legacy_bytes({"w": torch.eye(9)})[:-20], "cannot be read"),
    "other zip": (npz_of(b"").replace(b".npy", b".txt"), "neither torch tensors nor arrays"),
    "exported program": (
        npz_of(b"").replace(b"fc.weight.npy", b"ep/archive_format"[-13:]),
        "exported program|neither",
    ),
}


@pytest.mark.parametrize("kind", NO_MODELS)
def test_what_is_no_model(kind: str, tmp_path: Path) -> None:
    content, message = NO_MODELS[kind]
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        load(tmp_path / "file")
    assert caught.value.exit_code == 3
    assert "\n" not in str(caught.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="no file at"):
        load(tmp_path / "missing.pt")
    with pytest.raises(FormatError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(FormatError, match="a pipe or a device"):
        load(tmp_path / "pipe")
    torch.save({"w": torch.eye(2)}, tmp_path / "w.pt")
    with pytest.raises(FormatError, match="no file at"):
        load(tmp_path / "w.pt", mask=tmp_path / "missing.pt")


def test_names_from_files_stay_on_one_line(tmp_path: Path) -> None:
    name = "a\nb\x1b[31m" + "c" * 5000
    torch.save({f"{name}.weight": torch.ones(2, 2), "z": torch.ones(2, 9)}, tmp_path / "w.pt")
    with pytest.raises(TopologyError) as caught:
        load(tmp_path / "w.pt")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def corpus(folder: Path) -> dict[str, Path]:
    """One good file of each format."""
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(4, 3, generator=generator), torch.randn(2, 4, generator=generator)]
    state = {"fc1.weight": tensors[0], "fc2.weight": tensors[1]}
    sparse = {"a.weight": tensors[0].to_sparse(), "b.weight": tensors[1].to_sparse_csr()}
    arrays = {key: x.numpy() for key, x in state.items()}
    torch.save(state, folder / "zip")
    torch.save(sparse, folder / "sparse")
    torch.save(state, folder / "legacy", _use_new_zipfile_serialization=False)
    (folder / "pickle").write_bytes(pickle.dumps([x > 0 for x in tensors]))
    (folder / "arrays").write_bytes(pickle.dumps(arrays, protocol=3))
    save_file(state, folder / "shard")
    (folder / "index").write_text(json.dumps({"weight_map": dict.fromkeys(state, "shard")}))
    np.savez(folder / "npz.npz", **arrays)
    np.savez_compressed(folder / "packed.npz", **arrays)
    np.save(folder / "npy.npy", arrays["fc1.weight"])
    save(from_matrices(tensors), folder / "graph.npz")
    return {path.name: path for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return corpus(tmp_path_factory.mktemp("good"))


FORMATS = (
    *("zip", "sparse", "legacy", "pickle", "arrays", "shard", "index"),
    *("npz.npz", "packed.npz", "npy.npy", "graph.npz"),
)


def mutated(content: bytes, other: bytes, data: st.DataObject) -> bytes:
    place = st.integers(0, len(content) - 1)
    how = data.draw(st.sampled_from(["truncate", "flip", "splice", "repeat"]))
    if how == "truncate":
        return content[: data.draw(place)]
    if how == "flip":
        changed = bytearray(content)
        for at in data.draw(st.lists(place, min_size=1, max_size=6)):
            changed[at] = data.draw(st.integers(0, 255))
        return bytes(changed)
    at, to = data.draw(place), data.draw(place)
    if how == "splice":
        begin = data.draw(st.integers(0, len(other) - 1))
        return content[:at] + other[begin : begin + abs(to - at)] + content[to:]
    return content[: max(at, to)] + content[min(at, to) :]


def load_or_refuse(path: Path, **options: Any) -> None:
    try:
        load(path, max_bytes=1 << 24, **options)
    except NetsculptError as error:
        message = str(error)
    else:
        return
    assert message.isprintable()


@pytest.mark.parametrize("name", FORMATS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_mutated_files_fail_by_our_errors_only(
    name: str, good: dict[str, Path], tmp_path: Path, data: st.DataObject
) -> None:
    other = good[data.draw(st.sampled_from(FORMATS))].read_bytes()
    path = good[name].with_name(f"{name}.mutated")
    path.write_bytes(mutated(good[name].read_bytes(), other, data))
    load_or_refuse(path)
    load_or_refuse(good["zip"], mask=path)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_mutated_pickles_inside_good_zip_files(
    good: dict[str, Path], tmp_path: Path, data: st.DataObject
) -> None:
    with zipfile.ZipFile(good[data.draw(st.sampled_from(["zip", "sparse"]))]) as archive:
        names = [name for name in archive.namelist() if "/data/" in name]
        storages = {name.rpartition("/")[2]: archive.read(name) for name in names}
        folder = names[0].partition("/")[0]
        pickled = archive.read(f"{folder}/data.pkl")
    path = tmp_path / "mutated"
    path.write_bytes(with_pickle(mutated(pickled, good["pickle"].read_bytes(), data), storages))
    load_or_refuse(path)


AUDITED = """
import os, sys
from netsculpt.core.errors import NetsculptError
from netsculpt.loading import load

def tried(path, **options):
    try:
        load(path, **options)
    except NetsculptError:
        pass

warm, *given = sys.argv[1:]
for path in os.listdir(warm):  # imports happen here
    tried(os.path.join(warm, path))
tried(os.path.join(warm, "zip"), mask=os.path.join(warm, "pickle"))

seen = []
allowed = {os.path.realpath(path) for path in given}
RUNS = ("exec", "os.system", "os.exec", "os.fork", "os.spawn", "os.posix_spawn", "ctypes",
        "subprocess", "socket", "urllib", "http", "pickle.find_class", "import", "marshal",
        "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink",
        "os.chmod", "shutil", "tempfile", "webbrowser", "code.")

def hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        if writes or os.path.realpath(path) not in allowed:
            seen.append((event, arguments))
    elif event == "compile":  # NumPy parses headers as literals, which compiles nothing to run
        if not bytes(arguments[0]).lstrip().startswith(b"{'descr'"):
            seen.append((event, arguments))
    elif event.startswith(RUNS):
        seen.append((event, arguments))

sys.addaudithook(hook)
for path in given:
    tried(path)
    tried(given[0], mask=path)
print("SEEN", seen)
"""


def test_nothing_is_run_written_or_opened_elsewhere(
    good: dict[str, Path], canary: Canary, tmp_path: Path
) -> None:
    files = [good["zip"], *good.values()]
    for at, make in enumerate(RUNS_CODE.values()):
        files.append(tmp_path / f"hostile{at}")
        files[-1].write_bytes(make(canary))
    warm = tmp_path / "warm"
    warm.mkdir()
    corpus(warm)
    (warm / "hostile").write_bytes(RUNS_CODE["torch zip"](canary))
    settings = {"args": argparse.Namespace(x=np.float64(1), y=[Path("x")]), "w": torch.eye(2)}
    for path in (warm / "settings", tmp_path / "settings"):
        path.write_bytes(zip_bytes(settings))
    files.append(tmp_path / "settings")
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(AUDITED), str(warm), *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert run.stdout.strip() == "SEEN []", "load prints nothing, and nothing was seen"
    assert run.stderr == ""
    assert not canary.path.exists()


def test_the_remedy_for_quantised_weights_is_true(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantised = torch.ao.quantization.quantize_dynamic(net, {torch.nn.Linear})
        torch.save(quantised.state_dict(), tmp_path / "w.pt")
    with pytest.raises(UnsafeFileError, match="quantised weights") as caught:
        load(tmp_path / "w.pt")
    code = re.search(r"torch\.save\((\{.*\}), 'weights\.pt'\)", str(caught.value))
    assert code is not None
    state = eval(code[1], {"net": quantised, "callable": callable, "getattr": getattr})
    torch.save(state, tmp_path / "weights.pt")
    found = load(tmp_path / "weights.pt")
    assert [x.n_units for x in found.layers] == [4, 3, 2]
    expected = quantised[0].weight().dequantize().numpy().T
    assert np.allclose(found.block("input", "0").toarray(), expected)
