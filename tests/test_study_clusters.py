"""Studies on real clusters of Dask and Ray on this machine, whose workers are killed."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from netsculpt.core.errors import NetsculptError
from netsculpt.studies import measuring
from netsculpt.studies.drivers import DRIVERS
from netsculpt.studies.study import Rows, Study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the libraries
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@dataclass(frozen=True)
class Cell:
    number: int


CELLS = [Cell(number) for number in range(30)]
ROWS = [{"number": number, "square": number**2} for number in range(30)]


def measured(marks: Path, deadly: int, cell: Cell) -> Rows:
    """Squares; the worker of cell 3 dies the first time, that of the deadly one always."""
    with marks.joinpath(f"{cell.number}-{os.getpid()}-{time.time_ns()}").open("w"):
        pass
    if cell.number == deadly or (cell.number == 3 and len([*marks.glob("3-*")]) == 1):
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    return {"squares": [{"number": cell.number, "square": cell.number**2}]}


@pytest.fixture(scope="module")
def dask() -> Iterator[dict[str, Any]]:
    """A scheduler and two worker processes."""
    pytest.importorskip("distributed", reason="needs dask[distributed]")
    from dask import config
    from distributed import LocalCluster

    # It looks after 15 s whether a worker that died is back, and gives it up where it has just died
    # again.
    patient = config.set({"distributed.deploy.lost-worker-timeout": "10m"})
    local = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with patient, local as cluster:
        yield {"backend": "dask", "address": cluster.scheduler_address}


@pytest.fixture(scope="module")
def ray() -> Iterator[dict[str, Any]]:
    """A Ray with two worker processes."""
    library = pytest.importorskip("ray", reason="needs ray")
    library.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield {"backend": "ray"}
    library.shutdown()


@pytest.fixture(params=["dask", "ray"])
def cluster(request: pytest.FixtureRequest) -> dict[str, Any]:
    how: dict[str, Any] = request.getfixturevalue(request.param)
    return {"jobs": -1, **how}


def study(marks: Path, deadly: int = -1) -> Study[Cell]:
    marks.mkdir()
    return Study("squares", CELLS, partial(measured, marks, deadly))


def returned(out: Path) -> int:
    """How many cells the driver wrote."""
    return int(json.loads((out / "manifest.json").read_text())["returned"])


def begun(marks: Path, number: int) -> int:
    return len([*marks.glob(f"{number}-*")])


@pytest.mark.parametrize("way", [None, "shared", "returned"])
def test_a_worker_that_is_killed_loses_its_cell_only(
    cluster: dict[str, Any], way: str | None, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    found = study(marks).run(tmp_path / "out", results=way, **cluster)
    assert found.rows["squares"] == ROWS
    assert (found.n_deaths, found.n_left_out, found.failed) == (1, 0, {})
    assert begun(marks, 3) == 2
    others = [begun(marks, cell.number) for cell in CELLS if cell.number != 3]
    assert sum(others) <= len(others) + 5, (
        "what the worker had done before is measured at most twice"
    )
    assert len([*(tmp_path / "out" / "cells").glob("*.json")]) == len(CELLS)
    assert returned(tmp_path / "out") == (len(CELLS) if way == "returned" else 0)
    assert not (tmp_path / "out" / DRIVERS).exists()


def test_a_cell_that_kills_every_worker_has_failed(cluster: dict[str, Any], tmp_path: Path) -> None:
    found = study(tmp_path / "marks", deadly=8).run(tmp_path / "out", **cluster)
    (reason,) = found.failed.values()
    assert "died" in reason
    assert found.rows["squares"] == [row for row in ROWS if row["number"] != 8]
    assert found.n_deaths >= 3 + 1


def test_nobody_has_to_see_the_folder(
    cluster: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on machines that do not share it: the mark of the driver is nowhere to be seen."""
    place, out = measuring.Place, tmp_path / "out"
    monkeypatch.setattr(
        measuring, "Place", lambda cells, mark, results: place(cells, tmp_path / "no", results)
    )
    found = study(tmp_path / "marks").run(out, **cluster)
    assert found.rows["squares"] == ROWS
    assert returned(out) == len(CELLS)


def test_addresses_at_which_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsculpt.studies.backends.dask._PATIENCE", "1s")
    pytest.importorskip("distributed", reason="needs dask[distributed]")
    with pytest.raises(NetsculptError, match="no scheduler of Dask answers at"):
        Study("none", CELLS, measured).run(backend="dask", address="tcp://127.0.0.1:9", jobs=-1)
