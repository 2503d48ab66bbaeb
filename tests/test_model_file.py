"""``model.pt``: what is written is what is read, whole or not at all."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import netsculpt
from netsculpt.core.errors import FormatError, LimitError, OutputError, UnsafeFileError
from netsculpt.files.model import is_model, read_model, write_model

NET = {"family": "mlp", "widths": [4, 8, 2], "activation": "relu"}


@pytest.fixture
def parts() -> dict[str, Any]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    masks = {"0.weight": torch.rand(8, 4) < 0.5, "2.weight": torch.rand(2, 8) < 0.5}
    return {
        "net": NET,
        "state": net.state_dict(),
        "masks": masks,
        "metadata": {"seed": 3, "accuracy": 0.5, "history": [1, None, "a"]},
    }


def test_round_trip(tmp_path: Path, parts: dict[str, Any]) -> None:
    write_model(tmp_path / "model.pt", **parts)
    model = read_model(tmp_path / "model.pt")
    assert (model.net, model.metadata) == (NET, parts["metadata"])
    assert list(model.state) == list(parts["state"])
    for name, tensor in parts["state"].items():
        assert torch.equal(model.state[name], tensor)
    for name, mask in parts["masks"].items():
        assert torch.equal(model.masks[name], mask)
        assert model.masks[name].dtype == torch.bool


def test_plain_torch_reads_it(tmp_path: Path, parts: dict[str, Any]) -> None:
    write_model(tmp_path / "model.pt", **parts)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert list(content) == ["format", "version", "net", "state", "masks", "metadata"]
    assert type(content["state"]) is dict


def test_same_content_same_bytes(tmp_path: Path, parts: dict[str, Any]) -> None:
    write_model(tmp_path / "a.pt", **parts)
    large = torch.zeros(9, 8)
    large[:2] = parts["state"]["2.weight"]
    parts["state"]["2.weight"] = nn.Parameter(large[:2])  # a view into more numbers
    write_model(tmp_path / "b.pt", **parts)
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


def test_tuples_come_back_as_lists(tmp_path: Path, parts: dict[str, Any]) -> None:
    parts["net"] = NET | {"widths": (4, 8, 2)}
    write_model(tmp_path / "model.pt", **parts)
    assert read_model(tmp_path / "model.pt").net == NET


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.pt"
    write_model(path, **parts)
    before = path.read_bytes()

    def full_disk(content: Any, stream: Any) -> None:
        stream.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OutputError, match="no space"):
        write_model(path, **parts)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


WRONG_PARTS: dict[str, tuple[dict[str, Any], str]] = {
    "metadata no JSON": ({"metadata": {"x": object()}}, "metadata of the model .* JSON"),
    "metadata NaN": ({"metadata": {"x": float("nan")}}, "metadata of the model .* JSON"),
    "no family": ({"net": {"widths": [1]}}, "net needs 'family'"),
    "mask of nothing": ({"masks": {"9.weight": torch.ones(1, dtype=torch.bool)}}, "no such param"),
    "mask of floats": ({"masks": {"0.weight": torch.ones(8, 4)}}, "boolean mask"),
    "mask transposed": (
        {"masks": {"0.weight": torch.ones(4, 8, dtype=torch.bool)}},
        r"mask of '0\.weight' .* \[4, 8\], its parameter is \[8, 4\]",
    ),
}


@pytest.mark.parametrize("kind", WRONG_PARTS)
def test_wrong_parts_are_not_written(kind: str, tmp_path: Path, parts: dict[str, Any]) -> None:
    changed, message = WRONG_PARTS[kind]
    with pytest.raises(FormatError, match=message):
        write_model(tmp_path / "model.pt", **(parts | changed))
    assert list(tmp_path.iterdir()) == []


WRONG_FILES: dict[str, tuple[dict[str, Any], str]] = {
    "another version": ({"version": 2}, "version 2, this netsculpt reads version 1"),
    "another format": ({"format": "something"}, "not a model.pt of netsculpt"),
    "no state": ({"state": [1]}, "lacks a dict under 'state'"),
    "numbered state": ({"state": {1: torch.ones(1)}}, "lacks a dict under 'state'"),
    "no tensors": ({"state": {"0.weight": 1.0}, "masks": {}}, r"'0\.weight' .* is a float"),
    "float masks": ({"masks": {"0.weight": torch.ones(8, 4)}}, "boolean mask"),
}


@pytest.mark.parametrize("kind", WRONG_FILES)
def test_wrong_files_are_not_read(kind: str, tmp_path: Path, parts: dict[str, Any]) -> None:
    changed, message = WRONG_FILES[kind]
    write_model(tmp_path / "model.pt", **parts)
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    torch.save(content | changed, tmp_path / "model.pt")
    with pytest.raises(FormatError, match=message):
        read_model(tmp_path / "model.pt")


def test_other_files(tmp_path: Path, parts: dict[str, Any]) -> None:
    torch.save(parts["state"], tmp_path / "state.pt")
    (tmp_path / "text").write_text("hello")
    for name in ("state.pt", "text"):
        with pytest.raises(FormatError, match=r"not a model\.pt of netsculpt"):
            read_model(tmp_path / name)
    torch.save({"format": "netsculpt model", "x": slice(1)}, tmp_path / "unsafe.pt")
    with pytest.raises(UnsafeFileError):
        read_model(tmp_path / "unsafe.pt")


def test_limit(tmp_path: Path, parts: dict[str, Any]) -> None:
    write_model(tmp_path / "model.pt", **parts)
    with pytest.raises(LimitError):
        read_model(tmp_path / "model.pt", max_bytes=64)


def test_what_calls_itself_a_model() -> None:
    assert is_model({"format": "netsculpt model"})
    assert not is_model({"format": torch.ones(3)})
    assert not is_model([1])


def test_one_flipped_bit_of_the_stored_weights_is_noticed(
    tmp_path: Path, parts: dict[str, Any]
) -> None:
    path = tmp_path / "model.pt"
    write_model(path, **parts)
    torch.save(parts["state"], tmp_path / "state.pt")
    for saved, read in ((path, read_model), (tmp_path / "state.pt", netsculpt.load)):
        content = bytearray(saved.read_bytes())
        weights = parts["state"]["0.weight"].numpy().tobytes()
        content[content.index(weights) + 5] ^= 1
        saved.write_bytes(content)
        with pytest.raises(FormatError, match="CRC"):
            read(saved)


def test_a_full_disk_while_torch_writes_names_the_file(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(data) > 100:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(Path, "open", lambda *_, **__: Full())
    with pytest.raises(OutputError, match=r"model\.pt cannot be written: No space left"):
        write_model(tmp_path / "model.pt", **parts)


def test_a_name_that_is_not_text(tmp_path: Path, parts: dict[str, Any]) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xfe.pt")
    write_model(path, **parts)
    assert read_model(path).net == NET
