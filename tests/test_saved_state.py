"""The file of an interrupted run: written whole, checked whole, of one run only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netsculpt.core.errors import FormatError, LimitError, OutputError, UnsafeFileError
from netsculpt.files.saved_state import digest, read_state, restoring, write_state

ABOUT = {"kind": "test", "seed": 3, "net": {"layers": {"fc1": [4, 2], "fc2": [2, 4]}}}
STATE = {"masks": {"a": torch.eye(2) > 0}, "rounds": 7, "runs": [(0, 1)], "stage": "units"}
WHOLE = {"format": "netsculpt state", "version": 2, "about": json.dumps(ABOUT), "state": {}}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.pt"
    assert read_state(path, ABOUT) is None
    write_state(path, ABOUT, STATE)
    state = read_state(path, ABOUT)
    assert state is not None
    assert torch.equal(state.pop("masks")["a"], STATE["masks"]["a"])  # type: ignore[index]
    assert state == {key: value for key, value in STATE.items() if key != "masks"}
    assert [x.name for x in path.parent.iterdir()] == ["state.pt"]


def test_the_same_state_is_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_state(tmp_path / name, ABOUT, STATE)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_write_that_fails_leaves_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.pt"
    write_state(path, ABOUT, {"rounds": 1})

    def full(_content: Any, file: Any) -> None:
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match="no space"):
        write_state(path, ABOUT, {"rounds": 2})
    assert read_state(path, ABOUT) == {"rounds": 1}
    assert [x.name for x in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kind": "other"}, "kind 'test', this is 'other'"),
        ({"seed": 4}, "seed 3, this is 4"),
        ({"seed": {"a": 1}}, "seed 3, this is {'a': 1}"),
        ({"recipe": {}}, "recipe None, this is {}"),
        ({"net": {"layers": {"fc1": [4, 2]}}}, r"net layers fc2 \[2, 4\], this is None"),
        ({"net": {"layers": {"fc1": (4, 3)}}}, r"net layers fc1 \[4, 2\], this is \[4, 3\]"),
    ],
)
def test_a_state_of_another_run_is_refused(
    change: dict[str, Any], text: str, tmp_path: Path
) -> None:
    write_state(tmp_path / "a.pt", ABOUT, {})
    with pytest.raises(FormatError, match=f"{text}: use the same to resume it, or another path"):
        read_state(tmp_path / "a.pt", {**ABOUT, **change})


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    write_state(tmp_path / "a.pt", {"seed": np.int64(3), "rate": np.float32(0.5)}, {"rounds": 1})
    assert read_state(tmp_path / "a.pt", {"seed": 3, "rate": 0.5}) == {"rounds": 1}


@pytest.mark.parametrize("value", [float("nan"), np.float64("inf"), object(), print])
def test_what_json_cannot_hold_is_refused_before_the_work(value: object, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="what identifies the run cannot be saved"):
        read_state(tmp_path / "new.pt", {"seed": value})


def test_entries_that_are_left_out_are_not_compared(tmp_path: Path) -> None:
    write_state(tmp_path / "a.pt", ABOUT, {"rounds": 1})
    assert read_state(tmp_path / "a.pt", {"kind": "test"}) == {"rounds": 1}


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"nonsense", [1, 2], torch.ones(3), {"format": "netsculpt model", "version": 1}),
        *({**WHOLE, "version": 2}, {**WHOLE, "format": torch.ones(2)}, {**WHOLE, "state": [1]}),
        *({**WHOLE, "about": "[1]"}, {**WHOLE, "about": "{"}, {**WHOLE, "about": ABOUT}),
        *({**WHOLE, "about": "[" * 100_000}, {"format": "netsculpt state", "version": 1}),
        {**WHOLE, "version": torch.ones(2)},
    ],
)
def test_other_files_are_refused(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(FormatError, match=r"is not a saved state .*: remove it to start again"):
        read_state(path, ABOUT)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut_is_refused(share: float, tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    write_state(path, ABOUT, STATE)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(FormatError, match="is not a saved state"):
        read_state(path, ABOUT)


def test_no_code_is_run_and_no_bomb_is_unpacked(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "touched",))

    path = tmp_path / "state.pt"
    torch.save({**WHOLE, "state": {"a": Evil()}}, path)
    with pytest.raises(UnsafeFileError):
        read_state(path, ABOUT)
    assert not (tmp_path / "touched").exists()
    torch.save({**WHOLE, "state": {"a": torch.ones(1).expand(10**6, 10**6)}}, path)
    with pytest.raises(LimitError):
        read_state(path, ABOUT)


@pytest.mark.parametrize("error", [KeyError("x"), ValueError(), TypeError("y"), RuntimeError("z")])
def test_a_state_that_cannot_be_restored_names_its_file(error: Exception) -> None:
    with pytest.raises(FormatError, match=r"a\.pt is not a saved state"), restoring(Path("a.pt")):
        raise error


def test_digests_tell_tensors_apart() -> None:
    tensors = [
        *({"a": torch.zeros(2)}, {"b": torch.zeros(2)}, {"a": torch.zeros(2, dtype=torch.int32)}),
        *({"a": torch.zeros(1, 2)}, {"a": torch.tensor([0.0, 1.0])}, {"a": torch.zeros(2).bool()}),
        *({"a": torch.zeros(1), "b": torch.zeros(1)}, {}),
    ]
    assert len({digest(x) for x in tensors}) == len(tensors)
    columns = torch.arange(6.0).reshape(2, 3).T
    assert digest({"a": columns}) == digest({"a": columns.contiguous()})


def test_an_empty_array_without_strides_is_saved(tmp_path: Path) -> None:
    empty = torch.from_numpy(np.concatenate([np.zeros(0, np.int32)] * 2))
    write_state(tmp_path / "state.pt", {}, {"empty": empty})
    state = read_state(tmp_path / "state.pt", {})
    assert state is not None
    assert state["empty"].dtype == torch.int32
    assert state["empty"].numel() == 0
