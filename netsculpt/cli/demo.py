"""``netsculpt demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netsculpt.cli.options import (
    DATA_AWARE,
    DETECTORS,
    EIGHT_GIB,
    Figures,
    FigureWidth,
    Seed,
    Width,
    chosen_formats,
    require_writable,
)
from netsculpt.cli.running import load_graph, run

__all__ = ["demo"]

SLOWER_TWINS = {"leiden"}  # of the same quality as `layered`


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the model and its analysis.")
    ] = Path("netsculpt-demo"),
    seed: Seed = 0,
    figures: Figures = "pdf,png",
    width: FigureWidth = Width.NEURIPS,
) -> None:
    """Sculpt a network for a task whose functions are known, and analyse it.

    Six small networks are trained on a Boolean task and pruned as long as they solve it, which
    takes a few seconds. The sparsest is saved as model.pt and read back like any other model; the
    modules that the detectors find are compared with the functions that compose the task.

    **Example**

    `netsculpt demo -o demo`
    """
    from netsculpt.report.terminal.demo import print_verdicts
    from netsculpt.report.terminal.progress import progress_bars
    from netsculpt.studies.demo import DEMO, sculpted_model

    formats = chosen_formats(figures)
    require_writable(output)
    output.mkdir(parents=True, exist_ok=True)
    detectors = [name for name in (*DETECTORS, *DATA_AWARE) if name not in SLOWER_TWINS]
    with progress_bars() as progress:
        sculpted_model(output, seed, progress)
    model = output / "model.pt"
    graph = load_graph(model, None, EIGHT_GIB, allow_nonfinite=False)
    arguments = {
        "model": str(model),
        "mask": None,
        "task": DEMO.task,
        "seed": seed,
        "detectors": detectors,
        "null": "rewire",
        "nulls": 100,
        "stability_seeds": 20,
        "figures": formats,
        "width": width.value,
    }
    print_verdicts(run(graph, arguments, output))
