"""A few damaged files of every format; the benchmark reads ten thousand of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "mutations.py"

pytest.importorskip("onnx")


@pytest.mark.slow
def test_damaged_files_end_in_our_errors_and_do_nothing_else(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "-n", "160", "--seed", "1", "--keep", str(tmp_path / "kept")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-2000:]
    assert "160 files, 0 failures" in run.stdout
    assert "graph" in run.stdout.partition("\n")[0], "some files are read in spite of the damage"
    assert list(tmp_path.iterdir()) == []
