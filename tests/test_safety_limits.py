"""Bombs in a process under a memory limit, exit codes, and checks of netsculpt's own files."""

from __future__ import annotations

import importlib
import io
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from commands import cli

from netsculpt.cli import main
from netsculpt.core.errors import FormatError, LimitError, NetsculptError, UnsafeFileError
from netsculpt.files.model import read_model, write_model
from netsculpt.graph.matrices import from_matrices
from netsculpt.graph.npz import save
from netsculpt.loading import load
from netsculpt.nets.masks import net_from_model
from netsculpt.studies.sculpting import read_config
from netsculpt.training.influence import measured_influence, task_name_of
from netsculpt.training.tasks import task

ROOM = 12 << 30  # address space; libraries take some, and no bomb below needs any


def in_room(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a real process that must not take more memory than there is room for."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))

    return subprocess.run(
        [sys.executable, "-m", "netsculpt", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        preexec_fn=limit,
        env={**os.environ, "NO_COLOR": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


def zipped(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def with_pickle(pickled: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    return stream.getvalue()


def directory(n: int) -> bytes:
    """A zip file that consists of a table of contents whose entries have no names."""
    first = b"PK\x03\x04" + bytes(26)
    sizes = (46 * n).to_bytes(4, "little") + len(first).to_bytes(4, "little")
    end = b"PK\x05\x06" + bytes(4) + 2 * (n & 0xFFFF).to_bytes(2, "little") + sizes + bytes(2)
    return first + (b"PK\x01\x02" + bytes(42)) * n + end


def doubled(times: int) -> list[Any]:
    """Nested lists that contain one list twice: 2^times values in a few bytes."""
    value: list[Any] = [1]
    for _ in range(times):
        value = [value, value]
    return value


def model(net: dict[str, Any], **more: Any) -> dict[str, Any]:
    state = {"0.weight": torch.eye(2)}
    parts = {"net": net, "state": state, "masks": {}, "metadata": {}, **more}
    return {"format": "netsculpt model", "version": 1, **parts}


def npy(header: str) -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


BOMBS: dict[str, tuple[Callable[[], bytes], type[NetsculptError]]] = {
    "units without entries": (lambda: zipped({"w": torch.empty(10**9, 0)}), LimitError),
    "units without entries, npy": (
        lambda: npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 0)}"),
        LimitError,
    ),
    "lists in a pickle": (lambda: b"\x80\x02" + b"]" * 3_000_000 + b".", LimitError),
    "lists in a packed pickle": (
        lambda: with_pickle(b"\x80\x02" + b"]" * (8 << 20) + b"."),
        LimitError,
    ),
    "a memo without end": (lambda: with_pickle(b"\x80\x02}" + b"\x94" * 10**7 + b"."), LimitError),
    "a table of contents": (lambda: directory(500_000), LimitError),
    "lists in lists": (
        lambda: zipped(model({"family": "mlp", "widths": doubled(60)})),
        FormatError,
    ),
    "lists in the metadata": (
        lambda: zipped(model({"family": "mlp"}, metadata={"a": doubled(60)})),
        FormatError,
    ),
    "tensors in the metadata": (
        lambda: zipped(model({"family": "mlp"}, metadata={"a": torch.eye(2)})),
        FormatError,
    ),
    "operators in a header": (lambda: npy("-" * 100 + "1"), FormatError),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_bombs_need_no_memory(kind: str, tmp_path: Path) -> None:
    make, error = BOMBS[kind]
    (tmp_path / "bomb").write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(error) as caught:
        load(tmp_path / "bomb")
    assert type(caught.value) is error
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_200_000  # KiB


@pytest.mark.parametrize(("kind", "code"), [("lists in lists", 3), ("lists in a pickle", 6)])
def test_bombs_end_with_a_code(kind: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(BOMBS[kind][0]())
    run = in_room("analyze", "bomb", "--dense", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (code, "")
    assert "Traceback" not in run.stderr
    assert "bug" not in run.stderr


def test_a_machine_that_is_too_small_says_so(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("netsculpt.loading.read.read", exhausted)
    run = cli("analyze", "good.pt", cwd=good)
    assert run.returncode == 6
    assert "not enough memory" in run.stderr


@pytest.fixture
def good(tmp_path: Path) -> Path:
    weights = {"a.weight": torch.eye(4), "b.weight": torch.ones(2, 4).tril()}
    torch.save(weights, tmp_path / "good.pt")
    return tmp_path


def unsafe(folder: Path) -> None:
    (folder / "unsafe.pkl").write_bytes(pickle.dumps({"a.weight": Path("x")}))


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ("analyze", "good.pt", "--nulls", "0", "--stability-seeds", "0")),
        (2, ("analyze",)),
        (2, ("analyze", "good.pt", "--nulls", "-1")),
        (3, ("analyze", "missing.pt")),
        (3, ("analyze", "nonfinite.pt")),
        (4, ("analyze", "unsafe.pkl")),
        (4, ("analyze", "good.pt", "--mask", "unsafe.pkl")),
        (5, ("analyze", "unclear.pt")),
        (6, ("analyze", "good.pt", "--max-bytes", "10")),
        (6, ("export", "good.pt", "--max-bytes", "10", "-o", "g.npz")),
    ],
)
def test_exit_codes(
    code: int, arguments: tuple[str, ...], good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsafe(good)
    torch.save({"a.weight": torch.eye(3), "b.weight": torch.ones(2, 7)}, good / "unclear.pt")
    torch.save({"a.weight": torch.tensor([[1.0, float("nan")]])}, good / "nonfinite.pt")
    before = sorted(good.iterdir())
    run = cli(*arguments, cwd=good)
    assert run.returncode == code
    assert bool(run.stderr) == (code != 0)
    assert "Traceback" not in run.stderr
    assert sorted(good.iterdir()) == before
    if code > 2:  # with --debug the error itself comes through, for Python to print
        monkeypatch.chdir(good)
        monkeypatch.setattr(sys, "argv", ["netsculpt", "--debug", *arguments])
        with pytest.raises(NetsculptError) as caught:
            main()
        assert caught.value.exit_code == code


def test_interrupted(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> Any:
        signal.raise_signal(signal.SIGINT)

    module = importlib.import_module("netsculpt.nulls.significance")
    monkeypatch.setattr(module, "_finite", interrupt)
    run = cli("analyze", "good.pt", cwd=good)
    assert (run.returncode, run.stderr) == (130, "netsculpt: interrupted\n")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_nonfinite_weights_are_told_by_layer(bad: float, tmp_path: Path) -> None:
    weights = {"a.weight": torch.ones(3, 2), "b.weight": torch.ones(2, 3)}
    weights["b.weight"][0, 1:] = bad
    torch.save(weights, tmp_path / "w.pt")
    with pytest.raises(
        FormatError, match=r"2 edges whose value is NaN or infinite, in 'b.weight' \(2\)"
    ):
        load(tmp_path / "w.pt")
    graph = load(tmp_path / "w.pt", allow_nonfinite=True)
    assert graph.n_edges == 10
    assert graph.provenance[0].parameters["nonfinite_dropped"] == 2


def stored(folder: Path, asked: str, **more: Any) -> Path:
    """A model.pt whose metadata name the task `asked`."""
    path = folder / "model.pt"
    state = {"0.weight": torch.eye(2), "0.bias": torch.zeros(2)}
    net = {"family": "mlp", "widths": [2, 2], "activation": "relu"}
    about = {"plan": {"task": asked}, **more}
    write_model(path, net=net, state=state, masks={}, metadata=about)
    return path


def test_a_file_does_not_say_which_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("f = a & b\n")
    monkeypatch.chdir(tmp_path)
    assert task_name_of(stored(tmp_path, "reused-use-2")) == "reused-use-2"
    stored(tmp_path, "reused-use-2", training={"task": "input-separable"})
    assert task_name_of(tmp_path / "model.pt") == "input-separable", "the last training counts"
    for asked in (str(secret), "secret", f"{secret},{secret}", "../etc/passwd"):
        assert task_name_of(stored(tmp_path, asked)) is None
    (tmp_path / "reused-use-2").write_text("f = a & b\n")
    assert task_name_of(stored(tmp_path, "reused-use-2")) is None


@pytest.mark.parametrize("widths", [[4, 10**12, 2], [10**8] * 3, [4], [], "4", [4, -1, 2], [True]])
def test_a_net_is_not_made_as_large_as_a_file_says(widths: Any, tmp_path: Path) -> None:
    net = {"family": "mlp", "widths": widths, "activation": "relu"}
    write_model(tmp_path / "m.pt", net=net, state={"0.weight": torch.eye(4)}, masks={})
    with pytest.raises(NetsculptError):
        measured_influence(tmp_path / "m.pt", task("input-separable"))
    with pytest.raises(NetsculptError):
        net_from_model(read_model(tmp_path / "m.pt"))


def test_damaged_plan_files_are_refused(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    for content in (b"", b"[" * 100_000, b"\xff", b'{"plan": {"x": 1}}', b'{"plan": []}', b"1"):
        plan.write_bytes(content)
        with pytest.raises(FormatError, match="cannot be read as the configuration"):
            read_config(tmp_path)
    with plan.open("wb") as file:
        file.truncate(1 << 40)  # sparse
    with pytest.raises(FormatError, match="longer than"):
        read_config(tmp_path)


def test_states_of_sculpting_run_no_code(tmp_path: Path) -> None:
    from netsculpt.training.sculpting.saved import finish

    for stage, error in (
        (Fraction(1, 2), UnsafeFileError),
        (torch.eye(2), FormatError),
        (torch.ones(1).expand(10**6, 10**6), LimitError),
    ):
        content = {"format": "netsculpt state", "version": 2, "about": "{}"}
        torch.save({**content, "state": {"stage": stage}}, tmp_path / "state.pt")
        with pytest.raises(error):
            finish(_Refuses(), tmp_path / "state.pt")  # type: ignore[arg-type]


class _Refuses:
    """A process that cannot use any state."""

    about: ClassVar[dict[str, Any]] = {}

    def restore(self, state: Any) -> None:
        raise KeyError(state)


def test_a_graph_of_long_descriptions_is_refused(tmp_path: Path) -> None:
    graph = from_matrices([np.eye(2)])
    save(graph, tmp_path / "g.npz")
    with zipfile.ZipFile(tmp_path / "g.npz") as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held["netsculpt.json"] = json.dumps({"a": "x" * (1 << 26)}).encode()
    with zipfile.ZipFile(tmp_path / "g.npz", "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    with pytest.raises(LimitError, match=r"netsculpt\.json in"):
        load(tmp_path / "g.npz")
