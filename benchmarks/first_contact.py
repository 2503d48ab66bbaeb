"""What a newcomer waits for: the demo, a small report, a report of a common perceptron.

    python benchmarks/first_contact.py                   # some minutes
    python benchmarks/first_contact.py --only demo small # what these words begin a row's name with

Each row is a command in a process of its own. "first" begins without compiled code and without
matplotlib's list of fonts, as after an installation; "again" is the same command after it. Prints
seconds on the clock and processor seconds, those of child processes included: on a busy machine
only the latter mean something.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import prune

ROW = "{:44} {:>10} {:>14}"


def pruned(widths: Sequence[int], density: float, path: Path) -> Path:
    """An untrained perceptron of which the largest weights are kept, as a checkpoint."""
    torch.manual_seed(0)
    layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
    for layer in layers:
        prune.l1_unstructured(layer, "weight", 1 - density)  # type: ignore[no-untyped-call]
    between = [part for layer in layers for part in (layer, nn.ReLU())]
    torch.save(nn.Sequential(*between[:-1]).state_dict(), path)
    return path


def commands(folder: Path) -> Iterator[tuple[str, list[str], bool]]:
    """Name, arguments, and whether compiled code is forgotten before."""
    small = pruned((16, 24, 4), 0.2, folder / "small.pt")
    demo = ["demo", "-o", str(folder / "demo")]
    report = ["analyze", str(small), "-o", str(folder / "small")]
    yield "demo, first", demo, True
    yield "demo, again", demo, False
    yield "small report (16-24-4, 20 %), first", report, True
    yield "small report, again", report, False
    for percent in (5, 10):
        model = pruned((784, 300, 100, 10), percent / 100, folder / f"{percent}.pt")
        large = ["analyze", str(model), "-o", str(folder / f"large-{percent}")]
        yield f"large report (784-300-100-10, {percent} %)", large, False
        yield f"large report, {percent} %, all detectors", [*large, "--detector", "all"], False
    yield "large report, 10 %, all detectors, -j 2", [*large, "--detector", "all", "-j", "2"], False


def measured(arguments: list[str], caches: Path) -> tuple[float, float]:
    """Seconds on the clock and processor seconds of a command."""
    environment = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(caches / "numba"),
        "MPLCONFIGDIR": str(caches / "matplotlib"),
    }
    before, start = os.times(), time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "netsculpt", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    took, after = time.perf_counter() - start, os.times()
    if run.returncode:
        raise SystemExit(f"netsculpt {' '.join(arguments)} failed:\n{run.stderr}")
    user = after.children_user - before.children_user
    return took, user + after.children_system - before.children_system


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=[""], help="beginnings of rows' names")
    only = tuple(parser.parse_args().only)
    with tempfile.TemporaryDirectory() as made:
        folder, n_forgotten = Path(made), 0
        print(ROW.format("", "clock s", "processor s"))
        for name, arguments, forgets in commands(folder):
            if name.startswith(only):
                n_forgotten += forgets
                clock, processor = measured(arguments, folder / f"caches-{n_forgotten}")
                print(ROW.format(name, f"{clock:.1f}", f"{processor:.1f}"), flush=True)


if __name__ == "__main__":
    main()
