"""Plain checkpoints are read without torch, and just as torch reads them."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from netsculpt.core.errors import FormatError, NetsculptError
from netsculpt.files import torch_zip
from netsculpt.files.model import read_model, write_model
from netsculpt.files.source import Source
from netsculpt.loading.load import load

PLAIN_TYPES = (
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.float32, torch.float64),
)
BASE = torch.arange(24.0).reshape(4, 6)

Change = Callable[[str, bytes], bytes]


def _net() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))


def _typed(dtype: torch.dtype) -> Callable[[], Any]:
    return lambda: {"w": (BASE > 7).to(dtype), "v": BASE.to(dtype)}


def _cyclic() -> dict[str, Any]:
    inner: dict[str, Any] = {"w": BASE}
    inner["self"] = inner
    return inner


PLAIN: dict[str, Callable[[], Any]] = {
    **{str(x): _typed(x) for x in PLAIN_TYPES},
    "state dict": lambda: _net().state_dict(),
    "parameters": lambda: dict(_net().named_parameters()),
    "one tensor": lambda: BASE,
    "list": lambda: [BASE, (BASE, None, True, 1 << 40, 0.5, "text", b"bytes")],
    "nested": lambda: {"a": {"b": OrderedDict(c=[BASE])}, 1: "one"},
    "columns": lambda: {"w": BASE.T, "step": BASE[::2, 1::3]},
    "expanded": lambda: {"w": BASE[:1].expand(5, 6)},
    "scalar": lambda: {"n": torch.tensor(3), "x": torch.tensor(0.5)},
    "empty": lambda: {"w": torch.empty(0, 3), "v": torch.empty(0)},
    "shared": lambda: {"whole": BASE, "row": BASE[1], "again": BASE},
}


OTHERS: dict[str, Callable[[], Any]] = {
    "bfloat16": lambda: {"w": BASE.bfloat16()},
    "float8": lambda: {"w": BASE.to(torch.float8_e4m3fn)},
    "uint16": lambda: {"w": BASE.to(torch.uint16)},
    "sparse": lambda: {"w": BASE.to_sparse()},
    "size": lambda: {"w": BASE, "size": BASE.shape},
    "device": lambda: {"w": BASE, "device": torch.device("cpu")},
    "set": lambda: {"w": BASE, "set": {1}},
    "default": lambda: {"w": BASE, "more": defaultdict(dict)},
    "array": lambda: {"w": BASE, "array": np.arange(3.0)},
    "conjugate": lambda: {"w": torch.tensor([1j]).conj().imag},  # read with its sign changed
}


def _saved(content: Any, folder: Path, **options: Any) -> Path:
    path = folder / "content.pt"
    torch.save(content, path, **options)
    return path


def _read(path: Path) -> Any:
    return torch_zip.read_arrays(Source.open(path, 1 << 30)).value


def _rewritten(path: Path, change: Change, compression: int = zipfile.ZIP_STORED) -> None:
    """Change the content of the archive's members, with correct checksums."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    path.write_bytes(buffer.getvalue())


def _unchanged(_: str, content: bytes) -> bytes:
    return content


def _with(ending: str, content: bytes) -> Change:
    """Gives the member whose name ends so another content."""
    return lambda name, old: content if name.endswith(ending) else old


def _same(ours: Any, theirs: Any) -> None:
    """Same structure, types, bytes and strides; `theirs` has tensors."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, np.ndarray)
        wanted = theirs.detach().numpy()
        assert ours.dtype == wanted.dtype
        assert ours.shape == wanted.shape
        assert wanted.size == 0 or ours.strides == wanted.strides
        assert ours.tobytes() == wanted.tobytes()
        assert ours.flags.writeable
    elif isinstance(theirs, dict):
        assert isinstance(ours, dict)
        assert list(ours) == list(theirs)
        for key, x in theirs.items():
            _same(ours[key], x)
    elif isinstance(theirs, list | tuple):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            _same(a, b)
    else:
        assert (type(ours), ours) == (type(theirs), theirs)


@pytest.mark.parametrize("name", PLAIN)
def test_arrays_are_those_of_torch(name: str, tmp_path: Path) -> None:
    path = _saved(PLAIN[name](), tmp_path)
    _same(_read(path), torch.load(path, weights_only=True))


def test_a_dict_may_contain_itself(tmp_path: Path) -> None:
    value = _read(_saved(_cyclic(), tmp_path))
    assert value["self"] is value
    assert isinstance(value["w"], np.ndarray)


def test_tensors_that_share_memory_are_arrays_that_do(tmp_path: Path) -> None:
    value = _read(_saved(PLAIN["shared"](), tmp_path))
    assert np.shares_memory(value["whole"], value["row"])
    assert np.shares_memory(value["whole"], value["again"])


def test_changes_do_not_reach_the_file(tmp_path: Path) -> None:
    path = _saved({"w": BASE}, tmp_path)
    before = path.read_bytes()
    value = _read(path)
    value["w"][:] = -1
    del value
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_plain_is_read_by_torch(name: str, tmp_path: Path) -> None:
    content = OTHERS[name]()
    path = _saved(content, tmp_path)
    ours, theirs = _read(path), torch_zip.read(Source.open(path, 1 << 30)).value
    assert list(ours) == list(theirs)
    assert isinstance(ours["w"], torch.Tensor)
    assert ours["w"].dtype == content["w"].dtype
    assert torch.equal(ours["w"].to_dense().float(), content["w"].to_dense().float())


def test_archives_that_torch_does_not_write_are_read_by_torch(tmp_path: Path) -> None:
    changes: list[tuple[Change, int]] = [
        (_unchanged, zipfile.ZIP_DEFLATED),
        (_with("/byteorder", b"big"), zipfile.ZIP_STORED),
        (_with("/version", b"4\n"), zipfile.ZIP_STORED),
    ]
    for change in changes:
        path = _saved({"w": BASE}, tmp_path)
        _rewritten(path, *change)
        ours = _read(path)["w"]
        assert isinstance(ours, torch.Tensor), change
        assert torch.equal(ours, torch.load(path, weights_only=True)["w"])


def test_no_array_is_out_of_alignment(tmp_path: Path) -> None:
    for pad in range(4):  # three of four places are
        path = _saved({"w": BASE}, tmp_path)
        _rewritten(path, _with("/.format_version", b"1" * (1 + pad)))
        value = _read(path)["w"]
        assert isinstance(value, torch.Tensor) or value.flags.aligned
        assert np.array_equal(np.asarray(value), BASE.numpy())


def _error(path: Path, read: Callable[[Source], Any]) -> str:
    with pytest.raises(NetsculptError) as caught:
        read(Source.open(path, 1 << 30))
    return f"{type(caught.value).__name__}: {caught.value}"


def test_bad_files_have_the_errors_that_torch_gives(tmp_path: Path) -> None:
    path = _saved(_net().state_dict(), tmp_path)
    whole = path.read_bytes()
    at = whole.index(BASE.new_ones(4).numpy().tobytes())  # the norm's factors
    damaged = whole[:at] + b"?" + whole[at + 1 :]
    for content in (damaged, whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(content)
        assert _error(path, torch_zip.read_arrays) == _error(path, torch_zip.read)
    for ending in ("/data/0", "/version", "/data.pkl"):
        path.write_bytes(whole)
        _rewritten(path, _with(ending, b""))
        assert _error(path, torch_zip.read_arrays) == _error(path, torch_zip.read)


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Attack:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    path = _saved({"w": BASE, "attack": Attack()}, tmp_path)
    assert _error(path, torch_zip.read_arrays) == _error(path, torch_zip.read)
    assert not (tmp_path / "ran").exists()


def test_a_tensor_that_its_storage_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = _saved({"w": torch.zeros(3, 5)}, tmp_path)
    sizes, forged = b"K\x03K\x05\x86", b"K\x04K\x05\x86"
    _rewritten(path, lambda _, x: x.replace(sizes, forged))
    with pytest.raises(FormatError, match="cannot hold it"):
        _read(path)


def test_a_model_of_netsculpt_is_the_same_with_arrays(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    state = {"fc1.weight": torch.randn(4, 3), "fc1.bias": torch.zeros(4)}
    masks = {"fc1.weight": state["fc1.weight"] > 0}
    net = {"family": "mlp", "widths": [3, 4], "activation": "relu"}
    write_model(path, net=net, state=state, masks=masks, metadata={"seed": 1})
    value = _read(path)
    assert isinstance(value["state"]["fc1.weight"], np.ndarray)
    model = read_model(path)
    assert torch.equal(model.state["fc1.weight"], state["fc1.weight"])
    assert load(path).n_edges == int(masks["fc1.weight"].sum())


@pytest.mark.parametrize("own", [False, True])
def test_a_chain_of_layers_is_loaded_without_torch(own: bool, tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    state = {"fc1.weight": torch.eye(3), "fc2.weight": torch.ones(2, 3)}
    if own:
        masks = {name: x > 0 for name, x in state.items()}
        net = {"family": "mlp", "widths": [3, 3, 2], "activation": "relu"}
        write_model(path, net=net, state=state, masks=masks)
    else:
        torch.save(state, path)
    code = (
        "import sys, netsculpt\nprint(netsculpt.load(sys.argv[1]).n_edges, 'torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["9", "False"]
